{{/*
An OCI block volume.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.ociBlock.handle" -}}
{{ .section.volumeId }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as JSON; the driver takes tags as JSON in a string. */}}
{{- define "checkpoint-storage.backend.ociBlock.parameters" -}}
{{- $parameters := dict }}
{{- with .section.freeformTags }}
{{- $_ := set $parameters "oci.oraclecloud.com/initial-freeform-tags-override" (toJson .) }}
{{- end }}
{{- with .section.definedTags }}
{{- $_ := set $parameters "oci.oraclecloud.com/initial-defined-tags-override" (toJson .) }}
{{- end }}
{{- $parameters | toJson }}
{{- end }}

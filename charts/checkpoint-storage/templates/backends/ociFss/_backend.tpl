{{/*
An OCI File Storage file system.
*/}}

{{/* Outputs: the volume handle: the file system, its mount target and its export; an IPv6 address stands in brackets. */}}
{{- define "checkpoint-storage.backend.ociFss.handle" -}}
{{- $address := .section.mountTargetAddress }}
{{- .section.fileSystemId }}:{{ ternary (printf "[%s]" $address) $address (contains ":" $address) }}:{{ .section.exportPath }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as JSON; the driver takes lists as JSON in a string. */}}
{{- define "checkpoint-storage.backend.ociFss.parameters" -}}
{{- $parameters := dict }}
{{- with .section.nsgIds }}
{{- $_ := set $parameters "nsgOcids" (toJson .) }}
{{- end }}
{{- with .section.exportOptions }}
{{- $_ := set $parameters "exportOptions" (toJson .) }}
{{- end }}
{{- with .section.freeformTags }}
{{- $_ := set $parameters "oci.oraclecloud.com/initial-freeform-tags-override" (toJson .) }}
{{- end }}
{{- with .section.definedTags }}
{{- $_ := set $parameters "oci.oraclecloud.com/initial-defined-tags-override" (toJson .) }}
{{- end }}
{{- $parameters | toJson }}
{{- end }}

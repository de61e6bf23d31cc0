{{/*
A share of a Filestore instance.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.gcpFilestore.handle" -}}
modeInstance/{{ .section.location }}/{{ .section.instance }}/{{ .section.share }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as JSON; the driver takes lists as JSON in a string. */}}
{{- define "checkpoint-storage.backend.gcpFilestore.parameters" -}}
{{- $parameters := dict }}
{{- with .section.nfsExportOptions }}
{{- $_ := set $parameters "nfs-export-options-on-create" (toJson .) }}
{{- end }}
{{- $parameters | toJson }}
{{- end }}

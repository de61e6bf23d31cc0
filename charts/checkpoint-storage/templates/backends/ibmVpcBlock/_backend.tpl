{{/*
An IBM VPC block volume.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.ibmVpcBlock.handle" -}}
{{ .section.volumeId }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as JSON. */}}
{{- define "checkpoint-storage.backend.ibmVpcBlock.parameters" -}}
{{- with .section.encryptionKey }}
{{- dict "encrypted" "true" "encryptionKey" . | toJson }}
{{- end }}
{{- end }}

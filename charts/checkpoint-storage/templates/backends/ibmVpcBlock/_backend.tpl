{{/*
An IBM VPC block volume.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.ibmVpcBlock.handle" -}}
{{ .section.volumeId }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as YAML. */}}
{{- define "checkpoint-storage.backend.ibmVpcBlock.parameters" -}}
{{- with .section.encryptionKey }}
encrypted: "true"
encryptionKey: {{ . | quote }}
{{- end }}
{{- end }}

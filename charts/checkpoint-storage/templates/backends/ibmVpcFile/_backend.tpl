{{/*
An IBM VPC file share.
*/}}

{{/* Outputs: the volume handle: the share and its mount target. */}}
{{- define "checkpoint-storage.backend.ibmVpcFile.handle" -}}
{{ .section.shareId }}#{{ .section.targetId }}
{{- end }}

{{/* Outputs: volume attributes, as YAML; the driver looks at them only where the network is encrypted. */}}
{{- define "checkpoint-storage.backend.ibmVpcFile.attributes" -}}
{{- if .section.encryptInTransit }}
isEITEnabled: "true"
profile: {{ .section.profile }}
fileShareId: {{ .section.shareId | quote }}
{{- end }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as YAML. */}}
{{- define "checkpoint-storage.backend.ibmVpcFile.parameters" -}}
isENIEnabled: "true"
{{- if .section.encryptInTransit }}
isEITEnabled: "true"
{{- end }}
{{- with .section.encryptionKey }}
encrypted: "true"
encryptionKey: {{ . | quote }}
{{- end }}
{{- end }}

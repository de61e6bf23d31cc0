{{/*
An IBM VPC file share.
*/}}

{{/* Outputs: the volume handle: the share and its mount target. */}}
{{- define "checkpoint-storage.backend.ibmVpcFile.handle" -}}
{{ .section.shareId }}#{{ .section.targetId }}
{{- end }}

{{/* Outputs: volume attributes, as JSON; the driver looks at them only where the network is encrypted. */}}
{{- define "checkpoint-storage.backend.ibmVpcFile.attributes" -}}
{{- if .section.encryptInTransit }}
{{- dict "isEITEnabled" "true" "profile" .section.profile "fileShareId" .section.shareId | toJson }}
{{- end }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as JSON. */}}
{{- define "checkpoint-storage.backend.ibmVpcFile.parameters" -}}
{{- $parameters := dict "isENIEnabled" "true" }}
{{- if .section.encryptInTransit }}
{{- $_ := set $parameters "isEITEnabled" "true" }}
{{- end }}
{{- with .section.encryptionKey }}
{{- $_ := set $parameters "encrypted" "true" }}
{{- $_ := set $parameters "encryptionKey" . }}
{{- end }}
{{- $parameters | toJson }}
{{- end }}

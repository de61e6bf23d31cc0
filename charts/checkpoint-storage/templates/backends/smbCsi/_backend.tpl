{{/*
An SMB share.
*/}}

{{/* Outputs: further volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.smbCsi.attributes" -}}
{{ dict "source" (printf "//%s/%s" .section.server .section.share) | toJson }}
{{- end }}

{{/* Outputs: further parameters of the StorageClass, as JSON. */}}
{{- define "checkpoint-storage.backend.smbCsi.parameters" -}}
{{ dict "source" (printf "//%s/%s" .section.server .section.share) | toJson }}
{{- end }}

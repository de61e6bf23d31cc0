{{/*
An SMB share.
*/}}

{{/* Outputs: further volume attributes. */}}
{{- define "checkpoint-storage.backend.smbCsi.attributes" -}}
source: //{{ .section.server }}/{{ .section.share }}
{{- end }}

{{/* Outputs: further parameters of the StorageClass. */}}
{{- define "checkpoint-storage.backend.smbCsi.parameters" -}}
source: //{{ .section.server }}/{{ .section.share }}
{{- end }}

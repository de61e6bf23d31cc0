{{/*
An Alibaba Cloud NAS file system.
*/}}

{{/* Outputs: volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.aliNas.attributes" -}}
{{ pick .section "server" "path" | toJson }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as JSON. */}}
{{- define "checkpoint-storage.backend.aliNas.parameters" -}}
{{- if ne .section.volumeAs "filesystem" }}
{{- dict "server" (printf "%s:%s" .section.server .section.path) | toJson }}
{{- end }}
{{- end }}

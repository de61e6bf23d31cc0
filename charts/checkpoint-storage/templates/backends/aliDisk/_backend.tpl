{{/*
An Alibaba Cloud disk.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.aliDisk.handle" -}}
{{ .section.diskId }}
{{- end }}

{{/*
An Alibaba Cloud CPFS file system.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.aliCpfs.handle" -}}
{{ .section.fileSystemId }}
{{- end }}

{{/*
An Amazon FSx for Lustre file system.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.awsFsxLustre.handle" -}}
{{ .section.fileSystemId }}
{{- end }}

{{/*
A Crusoe persistent disk.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.crusoe.handle" -}}
{{ .section.diskId }}
{{- end }}

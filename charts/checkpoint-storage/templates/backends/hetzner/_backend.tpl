{{/*
A Hetzner Cloud volume.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.hetzner.handle" -}}
{{ .section.volumeId | int64 }}
{{- end }}

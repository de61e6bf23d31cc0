{{/*
A Longhorn volume.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.longhorn.handle" -}}
{{ .section.volumeName }}
{{- end }}

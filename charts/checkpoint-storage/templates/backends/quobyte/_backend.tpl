{{/*
A Quobyte volume.
*/}}

{{/* Outputs: the volume handle: tenant (may be empty), volume, and perhaps a directory. */}}
{{- define "checkpoint-storage.backend.quobyte.handle" -}}
{{ .section.tenant }}|{{ .section.volume }}{{ with .section.directory }}|{{ . }}{{ end }}
{{- end }}

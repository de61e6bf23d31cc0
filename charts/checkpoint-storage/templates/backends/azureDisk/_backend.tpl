{{/*
An Azure managed disk.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.azureDisk.handle" -}}
{{ .section.diskId }}
{{- end }}

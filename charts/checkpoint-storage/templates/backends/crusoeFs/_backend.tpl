{{/*
A Crusoe shared disk.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.crusoeFs.handle" -}}
{{ .section.diskId }}
{{- end }}

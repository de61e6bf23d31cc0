{{/*
A BeeGFS directory.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.beegfs.handle" -}}
beegfs://{{ .section.managementHost }}{{ .section.path }}
{{- end }}

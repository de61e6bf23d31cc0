{{/*
An OpenStack Cinder volume.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.cinder.handle" -}}
{{ .section.volumeId }}
{{- end }}

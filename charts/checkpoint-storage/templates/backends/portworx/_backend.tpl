{{/*
A Portworx volume.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.portworx.handle" -}}
{{ .section.volumeId }}
{{- end }}

{{/*
An Akamai (Linode) volume.
*/}}

{{/* Outputs: the volume handle: the volume's number and its label. */}}
{{- define "checkpoint-storage.backend.linode.handle" -}}
{{ .section.volumeId | int64 }}-{{ .section.label }}
{{- end }}

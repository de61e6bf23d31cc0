{{/*
An OCI block volume.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.ociBlock.handle" -}}
{{ .section.volumeId }}
{{- end }}

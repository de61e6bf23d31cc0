{{/*
A CubeFS volume.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.cubefs.handle" -}}
{{ .section.volumeName }}
{{- end }}

{{/*
A directory of a VAST cluster.
*/}}

{{/* Outputs: the volume handle; the driver mounts the directory of that name below root_export. */}}
{{- define "checkpoint-storage.backend.vast.handle" -}}
{{ .section.directory }}
{{- end }}

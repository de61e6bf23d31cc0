{{/*
A ZFS dataset or zvol of one node.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.openebsZfs.handle" -}}
{{ .section.volumeName }}
{{- end }}

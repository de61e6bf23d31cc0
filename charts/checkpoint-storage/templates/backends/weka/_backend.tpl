{{/*
A directory, a file system or a snapshot of WEKA.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.weka.handle" -}}
{{- .section.volumeType }}/{{ .section.fileSystemName }}
{{- with .section.snapshotAccessPoint }}:{{ . }}{{ end }}
{{- .section.path }}
{{- end }}

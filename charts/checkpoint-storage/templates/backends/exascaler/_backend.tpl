{{/*
A directory of an EXAScaler file system.
*/}}

{{/* Outputs: the volume handle: four fields with colons, so the file system's own colons become semicolons. */}}
{{- define "checkpoint-storage.backend.exascaler.handle" -}}
{{ .section.configName }}:{{ .section.exaFs | replace ":" ";" }}:{{ .section.mountPoint }}:{{ .section.path }}
{{- end }}

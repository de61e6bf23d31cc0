{{/*
A Lustre file system.
*/}}

{{/* Outputs: the volume handle, which is what `mount -t lustre` takes. */}}
{{- define "checkpoint-storage.backend.lustre.handle" -}}
{{ join ":" .section.mgsNids }}:/{{ .section.filesystem }}{{ .section.path | default "" }}
{{- end }}

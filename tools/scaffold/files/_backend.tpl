{{/*
FILL IN: what the storage is. A handle that is free text needs no hook, and then no file like this: the volume's name is
taken. templates/_csi.tpl lists the hooks.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.NEWBACKEND.handle" -}}
{{ .section.volumeId }}
{{- end }}

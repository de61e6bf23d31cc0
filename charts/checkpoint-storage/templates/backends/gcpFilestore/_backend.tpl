{{/*
A share of a Filestore instance.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.gcpFilestore.handle" -}}
modeInstance/{{ .section.location }}/{{ .section.instance }}/{{ .section.share }}
{{- end }}

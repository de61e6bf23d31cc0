{{/*
A Parallelstore instance.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.gcpParallelstore.handle" -}}
{{ .section.project }}/{{ .section.location }}/{{ .section.instance }}/default-pool/default-container
{{- end }}

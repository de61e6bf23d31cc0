{{/*
A Google Cloud Managed Lustre instance.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.gcpManagedLustre.handle" -}}
{{ .section.project }}/{{ .section.zone }}/{{ .section.instance }}{{ with .section.handleSuffix }}:{{ . }}{{ end }}
{{- end }}

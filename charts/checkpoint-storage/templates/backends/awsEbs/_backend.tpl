{{/*
An Amazon EBS volume.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.awsEbs.handle" -}}
{{ .section.volumeId }}
{{- end }}

{{/*
A Compute Engine disk: Persistent Disk or Hyperdisk.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.gcpPd.handle" -}}
projects/{{ .section.project }}/{{ if .section.region }}regions/{{ .section.region }}{{ else }}zones/{{ index .section.zones 0 }}{{ end }}/disks/{{ .section.disk }}
{{- end }}

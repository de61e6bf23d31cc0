{{/*
An OCI File Storage file system.
*/}}

{{/* Outputs: the volume handle: the file system, its mount target and its export; an IPv6 address stands in brackets. */}}
{{- define "checkpoint-storage.backend.ociFss.handle" -}}
{{- $address := .section.mountTargetAddress }}
{{- .section.fileSystemId }}:{{ ternary (printf "[%s]" $address) $address (contains ":" $address) }}:{{ .section.exportPath }}
{{- end }}

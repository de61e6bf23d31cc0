{{/*
A Ceph block image.
*/}}

{{/* Outputs: the volume handle; of a static volume, it is the image's name. */}}
{{- define "checkpoint-storage.backend.cephRbd.handle" -}}
{{ .section.image }}
{{- end }}

{{/* Outputs: volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.cephRbd.attributes" -}}
{{ dict "staticVolume" "true" | toJson }}
{{- end }}

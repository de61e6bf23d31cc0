{{/*
A bucket, mounted by GeeseFS.
*/}}

{{/* Outputs: the volume handle: the bucket, and perhaps a directory in it. */}}
{{- define "checkpoint-storage.backend.s3Csi.handle" -}}
{{ .section.bucket }}{{ with .section.prefix }}/{{ . }}{{ end }}
{{- end }}

{{/* Outputs: volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.s3Csi.attributes" -}}
{{ dict "mounter" "geesefs" | toJson }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as JSON. */}}
{{- define "checkpoint-storage.backend.s3Csi.parameters" -}}
{{ dict "mounter" "geesefs" | toJson }}
{{- end }}

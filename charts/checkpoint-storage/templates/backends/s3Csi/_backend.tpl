{{/*
A bucket, mounted by GeeseFS.
*/}}

{{/* Outputs: the volume handle: the bucket, and perhaps a directory in it. */}}
{{- define "checkpoint-storage.backend.s3Csi.handle" -}}
{{ .section.bucket }}{{ with .section.prefix }}/{{ . }}{{ end }}
{{- end }}

{{/* Outputs: volume attributes, as YAML. */}}
{{- define "checkpoint-storage.backend.s3Csi.attributes" -}}
mounter: geesefs
capacity: {{ .root.Values.size | quote }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as YAML. */}}
{{- define "checkpoint-storage.backend.s3Csi.parameters" -}}
mounter: geesefs
{{- end }}

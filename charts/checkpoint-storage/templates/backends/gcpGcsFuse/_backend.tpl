{{/*
A Cloud Storage bucket, mounted by Cloud Storage FUSE.
*/}}

{{/* Outputs: the volume handle. The driver drops what follows the colon, by which two volumes of one bucket differ. */}}
{{- define "checkpoint-storage.backend.gcpGcsFuse.handle" -}}
{{- .section.bucketName }}
{{- with ternary (get .section "handleSuffix") .volume (hasKey .section "handleSuffix") }}:{{ . }}{{ end }}
{{- end }}

{{/*
A bucket, mounted by Scality's Mountpoint driver.
*/}}

{{/* Outputs: further volume attributes, as JSON: the driver reads the volume's secret only where this says so. */}}
{{- define "checkpoint-storage.backend.scalityS3.attributes" -}}
{{ dict "authenticationSource" (ternary "secret" "driver" (hasKey .section "secretRef")) | toJson }}
{{- end }}

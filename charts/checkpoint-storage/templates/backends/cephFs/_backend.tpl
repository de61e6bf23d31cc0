{{/*
A CephFS directory. A static volume's handle is free text.
*/}}

{{/* Outputs: volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.cephFs.attributes" -}}
{{ dict "staticVolume" "true" | toJson }}
{{- end }}

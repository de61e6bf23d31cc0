{{/*
A volume of any CSI driver.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.csi.handle" -}}
{{ .section.volumeHandle }}
{{- end }}

{{/* Outputs: the volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.csi.attributes" -}}
{{ .section.volumeAttributes | default dict | toJson }}
{{- end }}

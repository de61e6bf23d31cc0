{{/*
A volume of any CSI driver.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.csi.handle" -}}
{{ .section.volumeHandle }}
{{- end }}

{{/* Outputs: the volume attributes, as YAML. */}}
{{- define "checkpoint-storage.backend.csi.attributes" -}}
{{ toYaml (.section.volumeAttributes | default dict) }}
{{- end }}

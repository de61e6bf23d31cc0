{{/*
A disk of one node.
*/}}

{{/* Outputs: the volume source of the PersistentVolume. */}}
{{- define "checkpoint-storage.backend.local.source" -}}
local:
  path: {{ .section.path | quote }}
  {{- with .section.fsType }}
  fsType: {{ . | quote }}
  {{- end }}
{{- end }}

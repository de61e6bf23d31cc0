{{/*
A disk of one node.
Every hook takes (dict "root" <chart context> "section" <this backend's values> "volume" <volume name>).
*/}}

{{/* Outputs: the volume source of the PersistentVolume. */}}
{{- define "checkpoint-storage.backend.local.source" -}}
local:
  path: {{ .section.path | quote }}
  {{- with .section.fsType }}
  fsType: {{ . | quote }}
  {{- end }}
{{- end }}

{{/* Outputs: parameters of the StorageClass. */}}
{{- define "checkpoint-storage.backend.local.parameters" -}}{{- end }}

{{/* Outputs: annotations that a pod needs to mount the claim. */}}
{{- define "checkpoint-storage.backend.local.podAnnotations" -}}{{- end }}

{{/* Outputs: the pod security context that can write to the claim. */}}
{{- define "checkpoint-storage.backend.local.podSecurityContext" -}}{{- end }}

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

{{/* Outputs: nothing; refuses what the schema cannot see. */}}
{{- define "checkpoint-storage.backend.local.check" -}}
{{- if empty .affinity }}
{{- include "checkpoint-storage.refuse" (dict "root" .root "rule" "E05" "case" "localWithoutNode" "path" "volume.nodeAffinity") }}
{{- end }}
{{- end }}

{{/* Outputs: one line for each thing that the notes should warn of. */}}
{{- define "checkpoint-storage.backend.local.warnings" -}}{{- end }}

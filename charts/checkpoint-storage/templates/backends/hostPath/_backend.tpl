{{/*
A directory on a node.
*/}}

{{/* Outputs: the volume source of the PersistentVolume. A path in the values must exist: creating it would hide a disk that is not mounted. */}}
{{- define "checkpoint-storage.backend.hostPath.source" -}}
hostPath:
  path: {{ .section.path | default (printf "/var/lib/checkpoint-storage/%s" .volume) | quote }}
  type: {{ dig "type" (ternary "Directory" "DirectoryOrCreate" (hasKey .section "path")) .section | quote }}
{{- end }}


{{/*
A directory on a node.
*/}}

{{/* Outputs: the volume source of the PersistentVolume. A path that somebody chose must exist: creating it would hide a disk that is not mounted. */}}
{{- define "checkpoint-storage.backend.hostPath.source" -}}
hostPath:
  path: {{ .section.path | default (printf "/var/lib/checkpoint-storage/%s" .volume) | quote }}
  type: {{ dig "type" (ternary "Directory" "DirectoryOrCreate" (hasKey .section "path")) .section | quote }}
{{- end }}



{{/* Outputs: the pod security context that can write to the claim. The directory that kubelet creates belongs to root. */}}
{{- define "checkpoint-storage.backend.hostPath.podSecurityContext" -}}
{{- if and (eq .root.Values.provisioning "static") (not (hasKey .section "path")) -}}
runAsNonRoot: false
runAsUser: 0
{{- end }}
{{- end }}

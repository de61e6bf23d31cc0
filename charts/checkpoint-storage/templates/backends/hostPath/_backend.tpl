{{/*
A directory on a node.
Every hook takes (dict "root" <chart context> "section" <this backend's values> "volume" <volume name>).
*/}}

{{/* Outputs: the volume source of the PersistentVolume. A path that somebody chose must exist: creating it would hide a disk that is not mounted. */}}
{{- define "checkpoint-storage.backend.hostPath.source" -}}
hostPath:
  path: {{ .section.path | default (printf "/var/lib/checkpoint-storage/%s" .volume) | quote }}
  type: {{ dig "type" (ternary "Directory" "DirectoryOrCreate" (hasKey .section "path")) .section | quote }}
{{- end }}

{{/* Outputs: parameters of the StorageClass. */}}
{{- define "checkpoint-storage.backend.hostPath.parameters" -}}{{- end }}

{{/* Outputs: annotations that a pod needs to mount the claim. */}}
{{- define "checkpoint-storage.backend.hostPath.podAnnotations" -}}{{- end }}

{{/* Outputs: the pod security context that can write to the claim. The directory that kubelet creates belongs to root. */}}
{{- define "checkpoint-storage.backend.hostPath.podSecurityContext" -}}
{{- if and (eq .root.Values.provisioning "static") (not (hasKey .section "path")) -}}
runAsNonRoot: false
runAsUser: 0
{{- end }}
{{- end }}

{{/* Outputs: nothing; refuses what the schema cannot see. */}}
{{- define "checkpoint-storage.backend.hostPath.check" -}}
{{- $values := .root.Values }}
{{- if and (eq $values.provisioning "static") (not (dig "sharedMount" false .section)) (empty $values.volume.nodeAffinity) }}
{{- if or (has "ReadWriteMany" $values.accessModes) (has "ReadOnlyMany" $values.accessModes) }}
{{- include "checkpoint-storage.refuse" (dict "root" .root "rule" "E05" "case" "hostPathManyNodes" "path" "accessModes") }}
{{- end }}
{{- end }}
{{- end }}

{{/* Outputs: one line for each thing that the notes should warn of. */}}
{{- define "checkpoint-storage.backend.hostPath.warnings" -}}
{{- if eq .root.Values.provisioning "static" }}
{{- if not (hasKey .section "path") }}
This is the default volume: a directory that the first node to run a pod creates on its own disk. It is for clusters of one node; on more, each node would see a directory of its own. Set `backend` and its section for this cluster's storage.
{{- else if and (empty .root.Values.volume.nodeAffinity) (not (dig "sharedMount" false .section)) }}
hostPath.path is a directory of one node, and nothing holds the pods to that node. Set `volume.nodeAffinity`, or `hostPath.sharedMount: true` when every node mounts the same storage there.
{{- end }}
{{- if and (hasKey .section "path") (eq (dig "type" "" .section) "DirectoryOrCreate") }}
hostPath.type DirectoryOrCreate makes an empty directory when the disk is not mounted: checkpoints then seem lost and new ones fill the root disk. Use Directory.
{{- end }}
{{- end }}
{{- end }}

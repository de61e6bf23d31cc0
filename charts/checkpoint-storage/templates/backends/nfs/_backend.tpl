{{/*
An NFS export mounted by the kubelet.
Every hook takes (dict "root" <chart context> "section" <this backend's values> "volume" <volume name>).
*/}}

{{/* Outputs: the volume source of the PersistentVolume. */}}
{{- define "checkpoint-storage.backend.nfs.source" -}}
nfs:
  server: {{ .section.server | quote }}
  path: {{ .section.path | quote }}
  {{- if .section.readOnly }}
  readOnly: true
  {{- end }}
{{- end }}

{{/* Outputs: parameters of the StorageClass. */}}
{{- define "checkpoint-storage.backend.nfs.parameters" -}}{{- end }}

{{/* Outputs: annotations that a pod needs to mount the claim. */}}
{{- define "checkpoint-storage.backend.nfs.podAnnotations" -}}{{- end }}

{{/* Outputs: the pod security context that can write to the claim. */}}
{{- define "checkpoint-storage.backend.nfs.podSecurityContext" -}}{{- end }}

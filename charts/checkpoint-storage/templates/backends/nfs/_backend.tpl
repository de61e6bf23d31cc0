{{/*
An NFS export mounted by the kubelet.
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

{{/* Inputs: dict "context" and perhaps "shard". Outputs: the PersistentVolumeClaim. */}}
{{- define "checkpoint-storage.persistentVolumeClaim" -}}
{{- $args := . }}
{{- $root := .context }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "checkpoint-storage.claimName" $args | quote }}
  namespace: {{ include "checkpoint-storage.namespace" $root | quote }}
  labels: {{- include "checkpoint-storage.labels" (dict "root" $root "extra" $root.Values.claim.labels) | nindent 4 }}
  {{- with include "checkpoint-storage.annotations" (dict "root" $root "extra" $root.Values.claim.annotations "keep" $root.Values.keep) }}
  {{- . | nindent 2 }}
  {{- end }}
spec:
  accessModes: {{- toYaml $root.Values.accessModes | nindent 4 }}
  volumeMode: {{ $root.Values.volumeMode }}
  {{- with include "checkpoint-storage.storageClassName" $root }}
  storageClassName: {{ . }}
  {{- end }}
  {{- with $root.Values.claim.volumeAttributesClassName }}
  volumeAttributesClassName: {{ . | quote }}
  {{- end }}
  {{- if eq $root.Values.provisioning "static" }}
  volumeName: {{ include "checkpoint-storage.volumeName" $args | quote }}
  {{- end }}
  {{- with $root.Values.claim.dataSourceRef }}
  dataSourceRef: {{- toYaml . | nindent 4 }}
  {{- end }}
  resources:
    requests:
      storage: {{ $root.Values.size | quote }}
{{- end }}

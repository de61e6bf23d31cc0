{{/* Inputs: dict "context" and perhaps "shard". Outputs: the PersistentVolume. */}}
{{- define "checkpoint-storage.persistentVolume" -}}
{{- $args := . }}
{{- $root := .context }}
---
apiVersion: v1
kind: PersistentVolume
metadata:
  name: {{ include "checkpoint-storage.volumeName" $args | quote }}
  labels: {{- include "checkpoint-storage.labels" (dict "root" $root "extra" $root.Values.volume.labels) | nindent 4 }}
  {{- with include "checkpoint-storage.annotations" (dict "root" $root "extra" $root.Values.volume.annotations "storage" true) }}
  {{- . | nindent 2 }}
  {{- end }}
spec:
  capacity:
    storage: {{ $root.Values.volume.size | default $root.Values.size | quote }}
  accessModes: {{- toYaml ($root.Values.volume.accessModes | default $root.Values.accessModes) | nindent 4 }}
  volumeMode: {{ $root.Values.volumeMode }}
  persistentVolumeReclaimPolicy: {{ $root.Values.volume.reclaimPolicy }}
  storageClassName: {{ include "checkpoint-storage.storageClassName" $root }}
  {{- with $root.Values.claim.volumeAttributesClassName }}
  volumeAttributesClassName: {{ . | quote }}
  {{- end }}
  {{- /* Reserved for this claim by name; no uid, which only the binding may set. */}}
  claimRef:
    apiVersion: v1
    kind: PersistentVolumeClaim
    namespace: {{ include "checkpoint-storage.namespace" $root | quote }}
    name: {{ include "checkpoint-storage.claimName" $args | quote }}
  {{- with include "checkpoint-storage.mountOptions" $args | mustFromJson }}
  mountOptions: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "checkpoint-storage.nodeAffinity" $args | mustFromJson }}
  nodeAffinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "checkpoint-storage.source" $args | nindent 2 }}
{{- end }}

{{/*
A volume of any CSI driver.
Every hook takes (dict "root" <chart context> "section" <this backend's values> "volume" <volume name>).
*/}}

{{/* Outputs: the volume source of the PersistentVolume. */}}
{{- define "checkpoint-storage.backend.csi.source" -}}
csi:
  driver: {{ .section.driver | quote }}
  volumeHandle: {{ .section.volumeHandle | quote }}
  {{- with .section.volumeAttributes }}
  volumeAttributes: {{- include "checkpoint-storage.stringMap" . | nindent 4 }}
  {{- end }}
  {{- if and .section.fsType (eq .root.Values.volumeMode "Filesystem") }}
  fsType: {{ .section.fsType | quote }}
  {{- end }}
  {{- if .section.readOnly }}
  readOnly: true
  {{- end }}
  {{- range $key := list "controllerPublishSecretRef" "nodeStageSecretRef" "nodePublishSecretRef" "controllerExpandSecretRef" "nodeExpandSecretRef" }}
  {{- with get $.section $key }}
  {{ $key }}: {{- include "checkpoint-storage.secretRef" (dict "root" $.root "ref" .) | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end }}

{{/* Outputs: parameters of the StorageClass. */}}
{{- define "checkpoint-storage.backend.csi.parameters" -}}
{{- with .section.fsType }}
csi.storage.k8s.io/fstype: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Outputs: annotations that a pod needs to mount the claim. */}}
{{- define "checkpoint-storage.backend.csi.podAnnotations" -}}{{- end }}

{{/* Outputs: the pod security context that can write to the claim. */}}
{{- define "checkpoint-storage.backend.csi.podSecurityContext" -}}{{- end }}

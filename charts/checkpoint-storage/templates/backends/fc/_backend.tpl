{{/*
A unit of a Fibre Channel array.
Every hook takes (dict "root" <chart context> "section" <this backend's values> "volume" <volume name>).
*/}}

{{/* Outputs: the volume source of the PersistentVolume. */}}
{{- define "checkpoint-storage.backend.fc.source" -}}
fc:
  {{- with .section.wwids }}
  wwids: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .section.targetWWNs }}
  targetWWNs: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if hasKey .section "lun" }}
  lun: {{ .section.lun | int }}
  {{- end }}
  {{- if eq .root.Values.volumeMode "Filesystem" }}
  fsType: {{ .section.fsType | quote }}
  {{- end }}
  {{- if .section.readOnly }}
  readOnly: true
  {{- end }}
{{- end }}

{{/* Outputs: parameters of the StorageClass. */}}
{{- define "checkpoint-storage.backend.fc.parameters" -}}{{- end }}

{{/* Outputs: annotations that a pod needs to mount the claim. */}}
{{- define "checkpoint-storage.backend.fc.podAnnotations" -}}{{- end }}

{{/* Outputs: the pod security context that can write to the claim. */}}
{{- define "checkpoint-storage.backend.fc.podSecurityContext" -}}{{- end }}

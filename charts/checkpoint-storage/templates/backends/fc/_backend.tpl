{{/*
A unit of a Fibre Channel array.
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

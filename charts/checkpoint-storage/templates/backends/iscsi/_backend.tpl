{{/*
A unit of an iSCSI target.
*/}}

{{/* Outputs: the volume source of the PersistentVolume. */}}
{{- define "checkpoint-storage.backend.iscsi.source" -}}
iscsi:
  targetPortal: {{ .section.targetPortal | quote }}
  {{- with .section.portals }}
  portals: {{- toYaml . | nindent 4 }}
  {{- end }}
  iqn: {{ .section.iqn | quote }}
  lun: {{ .section.lun | int }}
  {{- if eq .root.Values.volumeMode "Filesystem" }}
  fsType: {{ .section.fsType | quote }}
  {{- end }}
  {{- if .section.readOnly }}
  readOnly: true
  {{- end }}
  {{- range $key := list "iscsiInterface" "initiatorName" }}
  {{- with get $.section $key }}
  {{ $key }}: {{ . | quote }}
  {{- end }}
  {{- end }}
  {{- if .section.chapAuthSession }}
  chapAuthSession: true
  {{- end }}
  {{- if .section.chapAuthDiscovery }}
  chapAuthDiscovery: true
  {{- end }}
  {{- with .section.secretRef }}
  secretRef: {{- include "checkpoint-storage.secretRef" (dict "root" $.root "ref" .) | nindent 4 }}
  {{- end }}
{{- end }}

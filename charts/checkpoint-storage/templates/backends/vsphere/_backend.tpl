{{/*
A vSphere disk, or a share of vSAN's file service.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.vsphere.handle" -}}
{{ ternary "file:" "" (eq .section.kind "file") }}{{ .section.volumeId }}
{{- end }}

{{/* Outputs: further volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.vsphere.attributes" -}}
{{ dict "type" (printf "vSphere CNS %s Volume" (ternary "File" "Block" (eq .section.kind "file"))) | toJson }}
{{- end }}

{{/* Outputs: the file system. */}}
{{- define "checkpoint-storage.backend.vsphere.fsType" -}}
{{ ternary "nfs4" (.section.fsType | default "ext4") (eq .section.kind "file") }}
{{- end }}

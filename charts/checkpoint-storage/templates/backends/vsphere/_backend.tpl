{{/*
A vSphere disk, or a share of vSAN's file service.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.vsphere.handle" -}}
{{ ternary "file:" "" (eq .section.kind "file") }}{{ .section.volumeId }}
{{- end }}

{{/* Outputs: further volume attributes. */}}
{{- define "checkpoint-storage.backend.vsphere.attributes" -}}
type: vSphere CNS {{ ternary "File" "Block" (eq .section.kind "file") }} Volume
{{- end }}

{{/* Outputs: the file system. */}}
{{- define "checkpoint-storage.backend.vsphere.fsType" -}}
{{ ternary "nfs4" (.section.fsType | default "ext4") (eq .section.kind "file") }}
{{- end }}

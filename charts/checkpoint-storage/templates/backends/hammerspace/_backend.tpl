{{/*
A Hammerspace share, or a file in one. The driver calls the share of a file otherwise for a block device.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.hammerspace.handle" -}}
{{ .section.path }}
{{- end }}

{{/* Outputs: further volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.hammerspace.attributes" -}}
{{- $attributes := dict "mode" .root.Values.volumeMode }}
{{- with .section.backingShare }}
{{- $_ := set $attributes (ternary "blockBackingShareName" "mountBackingShareName" (eq $.root.Values.volumeMode "Block")) . }}
{{- end }}
{{- $attributes | toJson }}
{{- end }}

{{/* Outputs: further parameters of the StorageClass, as JSON. The driver makes a share unless fsType says another. */}}
{{- define "checkpoint-storage.backend.hammerspace.parameters" -}}
{{- $parameters := dict }}
{{- with .section.backingShare }}
{{- $_ := set $parameters (ternary "blockBackingShareName" "mountBackingShareName" (eq $.root.Values.volumeMode "Block")) . }}
{{- end }}
{{- with include "checkpoint-storage.csi.fsType" . }}
{{- $_ := set $parameters "fsType" . }}
{{- end }}
{{- $parameters | toJson }}
{{- end }}

{{/* Outputs: the file system. */}}
{{- define "checkpoint-storage.backend.hammerspace.fsType" -}}
{{ ternary (.section.fsType | default "ext4") "nfs" (eq .section.kind "file") }}
{{- end }}

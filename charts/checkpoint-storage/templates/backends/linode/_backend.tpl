{{/*
An Akamai (Linode) volume.
*/}}

{{/* Outputs: the volume handle: the volume's number and its label. */}}
{{- define "checkpoint-storage.backend.linode.handle" -}}
{{ .section.volumeId | int64 }}-{{ .section.label }}
{{- end }}

{{/*
Outputs: further volume attributes, as JSON: the name that the encrypted device has on the node.
https://github.com/linode/linode-blockstorage-csi-driver/blob/def6be4/internal/driver/luks.go
*/}}
{{- define "checkpoint-storage.backend.linode.attributes" -}}
{{- if .section.luksEncrypted }}
{{- dict "linodebs.csi.linode.com/volume-name" .section.label | toJson }}
{{- end }}
{{- end }}

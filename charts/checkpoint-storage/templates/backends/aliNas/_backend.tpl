{{/*
An Alibaba Cloud NAS file system.
*/}}

{{/* Outputs: volume attributes, as YAML. */}}
{{- define "checkpoint-storage.backend.aliNas.attributes" -}}
server: {{ .section.server | quote }}
path: {{ .section.path | quote }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as YAML. */}}
{{- define "checkpoint-storage.backend.aliNas.parameters" -}}
{{- if eq .section.volumeAs "subpath" }}
server: {{ printf "%s:%s" .section.server .section.path | quote }}
{{- else if eq (.section.fileSystemType | default "") "extreme" }}
capacity: {{ .root.Values.size | quote }}
{{- end }}
{{- end }}

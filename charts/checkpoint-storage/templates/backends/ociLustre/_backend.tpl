{{/*
An OCI File Storage with Lustre file system. The driver takes lists as JSON in a string.
*/}}

{{/* Outputs: the volume handle, as Lustre writes what is to be mounted. */}}
{{- define "checkpoint-storage.backend.ociLustre.handle" -}}
{{ .section.managementAddress }}@{{ .section.lnet }}:/{{ .section.mountName }}
{{- end }}

{{/* Outputs: volume attributes, as YAML. */}}
{{- define "checkpoint-storage.backend.ociLustre.attributes" -}}
{{- with .section.lustreParameters }}
lustrePostMountParameters: {{ toJson . | quote }}
{{- end }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as YAML. */}}
{{- define "checkpoint-storage.backend.ociLustre.parameters" -}}
{{- with .section.lustreParameters }}
lustrePostMountParameters: {{ toJson . | quote }}
{{- end }}
{{- with .section.securityGroupIds }}
nsgIds: {{ toJson . | quote }}
{{- end }}
{{- end }}

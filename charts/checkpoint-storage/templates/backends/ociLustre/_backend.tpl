{{/*
An OCI File Storage with Lustre file system. The driver takes lists as JSON in a string.
*/}}

{{/* Outputs: the volume handle, as Lustre writes what is to be mounted. */}}
{{- define "checkpoint-storage.backend.ociLustre.handle" -}}
{{ .section.managementAddress }}@{{ .section.lnet }}:/{{ .section.mountName }}
{{- end }}

{{/* Outputs: volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.ociLustre.attributes" -}}
{{- with .section.lustreParameters }}
{{- dict "lustrePostMountParameters" (toJson .) | toJson }}
{{- end }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as JSON. */}}
{{- define "checkpoint-storage.backend.ociLustre.parameters" -}}
{{- $parameters := dict }}
{{- with .section.lustreParameters }}
{{- $_ := set $parameters "lustrePostMountParameters" (toJson .) }}
{{- end }}
{{- with .section.securityGroupIds }}
{{- $_ := set $parameters "nsgIds" (toJson .) }}
{{- end }}
{{- with .section.rootSquashClientExceptions }}
{{- $_ := set $parameters "rootSquashClientExceptions" (toJson .) }}
{{- end }}
{{- $parameters | toJson }}
{{- end }}

{{/*
A logical volume of TopoLVM.
*/}}

{{/* Outputs: further parameters of the StorageClass, as JSON: under its old name, the driver has other names for them. */}}
{{- define "checkpoint-storage.backend.topolvm.parameters" -}}
{{- $parameters := dict }}
{{- if eq .section.driver "topolvm.cybozu.com" }}
{{- with .section.deviceClass }}
{{- $_ := set $parameters "topolvm.cybozu.com/device-class" . }}
{{- end }}
{{- with .section.lvcreateOptionClass }}
{{- $_ := set $parameters "topolvm.cybozu.com/lvcreate-option-class" . }}
{{- end }}
{{- end }}
{{- $parameters | toJson }}
{{- end }}

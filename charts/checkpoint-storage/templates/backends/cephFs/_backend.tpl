{{/*
A CephFS directory. A static volume's handle is free text.
*/}}

{{/* Outputs: volume attributes, as YAML. */}}
{{- define "checkpoint-storage.backend.cephFs.attributes" -}}
staticVolume: "true"
{{- end }}

{{/*
A ZFS dataset or zvol of one node.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.openebsZfs.handle" -}}
{{ .section.volumeName }}
{{- end }}

{{/*
Outputs: further parameters of the StorageClass, as JSON: the driver makes a dataset only when it reads the file system under
this name, which the provisioner hands on, and a zvol without it.
*/}}
{{- define "checkpoint-storage.backend.openebsZfs.parameters" -}}
{{- $parameters := dict }}
{{- if eq .root.Values.volumeMode "Filesystem" }}
{{- $_ := set $parameters "fsType" .section.fsType }}
{{- end }}
{{- $parameters | toJson }}
{{- end }}

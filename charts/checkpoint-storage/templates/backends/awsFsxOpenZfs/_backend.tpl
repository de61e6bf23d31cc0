{{/*
An Amazon FSx for OpenZFS file system, or one of its volumes.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.awsFsxOpenZfs.handle" -}}
{{ .section.volumeId | default .section.fileSystemId }}
{{- end }}

{{/* Outputs: further volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.awsFsxOpenZfs.attributes" -}}
{{ dict "ResourceType" (ternary "volume" "filesystem" (not (empty .section.volumeId))) | toJson }}
{{- end }}

{{/* Outputs: further parameters of the StorageClass, as JSON. The driver expects JSON in them too, except for ResourceType. */}}
{{- define "checkpoint-storage.backend.awsFsxOpenZfs.parameters" -}}
{{- $parameters := dict "ResourceType" "volume" }}
{{- with .section.parentVolumeId }}
{{- $_ := set $parameters "ParentVolumeId" (toJson .) }}
{{- end }}
{{- with .section.nfsClients }}
{{- $_ := set $parameters "NfsExports" (list (dict "ClientConfigurations" (list (dict "Clients" . "Options" (list "rw" "sync" "crossmnt")))) | toJson) }}
{{- end }}
{{- with .section.dataCompressionType }}
{{- $_ := set $parameters "DataCompressionType" (toJson .) }}
{{- end }}
{{- with .section.recordSizeKiB }}
{{- $_ := set $parameters "RecordSizeKiB" (include "checkpoint-storage.string" .) }}
{{- end }}
{{- $parameters | toJson }}
{{- end }}

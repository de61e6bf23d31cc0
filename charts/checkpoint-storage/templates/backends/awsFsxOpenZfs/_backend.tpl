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
{{- $section := .section }}
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
{{- range $key, $name := dict "recordSizeKiB" "RecordSizeKiB" "storageCapacityQuotaGiB" "StorageCapacityQuotaGiB" "storageCapacityReservationGiB" "StorageCapacityReservationGiB" }}
{{- if hasKey $section $key }}
{{- $_ := set $parameters $name (include "checkpoint-storage.string" (get $section $key)) }}
{{- end }}
{{- end }}
{{- $parameters | toJson }}
{{- end }}

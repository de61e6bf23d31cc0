{{/*
An Amazon FSx for OpenZFS file system, or one of its volumes.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.awsFsxOpenZfs.handle" -}}
{{ .section.volumeId | default .section.fileSystemId }}
{{- end }}

{{/* Outputs: further volume attributes. */}}
{{- define "checkpoint-storage.backend.awsFsxOpenZfs.attributes" -}}
ResourceType: {{ ternary "volume" "filesystem" (not (empty .section.volumeId)) }}
{{- end }}

{{/* Outputs: further parameters of the StorageClass. The driver wants JSON in them, except for ResourceType. */}}
{{- define "checkpoint-storage.backend.awsFsxOpenZfs.parameters" -}}
ResourceType: volume
{{- with .section.parentVolumeId }}
ParentVolumeId: {{ toJson . | squote }}
{{- end }}
{{- with .section.nfsClients }}
NfsExports: {{ list (dict "ClientConfigurations" (list (dict "Clients" . "Options" (list "rw" "sync" "crossmnt")))) | toJson | squote }}
{{- end }}
{{- with .section.dataCompressionType }}
DataCompressionType: {{ toJson . | squote }}
{{- end }}
{{- with .section.recordSizeKiB }}
RecordSizeKiB: {{ include "checkpoint-storage.string" . | squote }}
{{- end }}
{{- end }}

{{/*
A directory of an Amazon EFS file system, or of an S3 bucket that S3 Files serves as one.
*/}}

{{/* Outputs: the volume handle: [s3files:]<file system>[:<directory>[:<access point>]]. */}}
{{- define "checkpoint-storage.backend.awsEfs.handle" -}}
{{- $handle := ternary (printf "s3files:%s" .section.fileSystemId) .section.fileSystemId (eq .section.service "s3files") }}
{{- if .section.accessPointId }}
{{- printf "%s:%s:%s" $handle (.section.path | default "") .section.accessPointId }}
{{- else if .section.path }}
{{- printf "%s:%s" $handle .section.path }}
{{- else }}
{{- $handle }}
{{- end }}
{{- end }}

{{/* Outputs: further parameters of the StorageClass, as JSON. */}}
{{- define "checkpoint-storage.backend.awsEfs.parameters" -}}
{{ dict "provisioningMode" (printf "%s-ap" .section.service) | toJson }}
{{- end }}

{{/*
An export of a PowerScale cluster.
*/}}

{{/* Outputs: the volume handle: the directory's name, the export, its zone and the cluster. */}}
{{- define "checkpoint-storage.backend.powerScale.handle" -}}
{{- list (base .section.path) (.section.exportId | int64 | toString) .section.accessZone .section.clusterName | join "=_=_=" }}
{{- end }}

{{/* Outputs: volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.powerScale.attributes" -}}
{{ dict "Name" (base .section.path) | toJson }}
{{- end }}

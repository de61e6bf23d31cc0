{{/*
Dispatch to the backend that the values name. Nothing here, or in any other shared template, knows a backend's name:
what one is able to do is data (checkpoint-storage.backend.<backend>.facts, generated), what it renders are its hooks.
*/}}

{{/* Outputs: what the chosen backend can do, as JSON. */}}
{{- define "checkpoint-storage.facts" -}}
{{- include (printf "checkpoint-storage.backend.%s.facts" .Values.backend) . }}
{{- end }}

{{/*
Inputs: a chart context, or dict "context" "shard". Outputs: the backend's section, its defaults filled in, as JSON.
Keys are set one by one: sprig's merge would lose a user's false. {shard} becomes the shard's number, where that is known.
*/}}
{{- define "checkpoint-storage.section" -}}
{{- $context := .context | default . }}
{{- $facts := include "checkpoint-storage.facts" $context | fromJson }}
{{- $section := $facts.defaults }}
{{- range $key, $value := index $context.Values $context.Values.backend }}
{{- /* null is how an overlay takes back a key of the base file. */}}
{{- if not (kindIs "invalid" $value) }}
{{- $_ := set $section $key $value }}
{{- end }}
{{- end }}
{{- if hasKey . "shard" }}
{{- $overrides := $context.Values.shardOverrides }}
{{- if and $overrides (lt (int .shard) (len $overrides)) }}
{{- range $key, $value := (index $overrides (int .shard)).source }}
{{- $_ := set $section $key $value }}
{{- end }}
{{- end }}
{{- $section | toJson | replace "{shard}" (toString .shard) }}
{{- else }}
{{- $section | toJson }}
{{- end }}
{{- end }}

{{/* Inputs: a chart context, or dict "context" "shard". Outputs: the volume's node affinity as JSON. */}}
{{- define "checkpoint-storage.nodeAffinity" -}}
{{- $context := .context | default . }}
{{- $affinity := $context.Values.volume.nodeAffinity }}
{{- if hasKey . "shard" }}
{{- $overrides := $context.Values.shardOverrides }}
{{- if and $overrides (lt (int .shard) (len $overrides)) }}
{{- $affinity = (index $overrides (int .shard)).nodeAffinity | default $affinity }}
{{- end }}
{{- $affinity | toJson | replace "{shard}" (toString .shard) }}
{{- else }}
{{- $affinity | toJson }}
{{- end }}
{{- end }}

{{/* Outputs: the mount options as a JSON list: the values' list when there is one, the backend's defaults otherwise. */}}
{{- define "checkpoint-storage.mountOptions" -}}
{{- $values := .Values }}
{{- if and (hasKey $values "mountOptions") (not (kindIs "invalid" $values.mountOptions)) }}
{{- $values.mountOptions | toJson }}
{{- else if eq $values.volumeMode "Filesystem" }}
{{- (include "checkpoint-storage.facts" . | fromJson).mountOptions | toJson }}
{{- else }}
{{- list | toJson }}
{{- end }}
{{- end }}

{{/* Inputs: dict "hook" "context" and perhaps "shard". Outputs: what the chosen backend's hook says. */}}
{{- define "checkpoint-storage.hook" -}}
{{- include (printf "checkpoint-storage.backend.%s.%s" .context.Values.backend .hook) (dict
  "root" .context
  "section" (include "checkpoint-storage.section" . | fromJson)
  "volume" (include "checkpoint-storage.volumeName" .)
) }}
{{- end }}

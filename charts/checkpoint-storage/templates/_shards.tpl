{{/*
A store of shards is one object of each kind per rank. What differs between them is a number, so an object is rendered
once, with {shard} where the number goes, and copied: a thousand shards cost little more than one. Only shardOverrides
give shards a storage of their own, and then each is rendered by itself.
*/}}

{{/* Outputs: a JSON list of the arguments that objects are rendered with: [{}], [{"shard":"{shard}"}], or [{"shard":0}, …]. */}}
{{- define "checkpoint-storage.shards" -}}
{{- $shards := list }}
{{- if .Values.shardOverrides }}
{{- range $i := until (int .Values.shards) }}
{{- $shards = append $shards (dict "shard" $i) }}
{{- end }}
{{- else if .Values.shards }}
{{- $shards = list (dict "shard" "{shard}") }}
{{- end }}
{{- $shards | default (list dict) | toJson }}
{{- end }}

{{/*
Inputs: dict "root" "define" and perhaps "with" (a dict of further arguments). Outputs: what the define says for each
shard, one after the other; the define takes dict "context" and perhaps "shard".
*/}}
{{- define "checkpoint-storage.forEachShard" -}}
{{- $in := . }}
{{- range include "checkpoint-storage.shards" .root | mustFromJson }}
{{- $text := include $in.define (merge (dict "context" $in.root) . ($in.with | default dict)) }}
{{- if not (hasKey . "shard") }}
{{ $text }}
{{- else if eq (toString .shard) "{shard}" }}
{{- range $i := until (int $in.root.Values.shards) }}
{{ replace "{shard}" (toString $i) $text }}
{{- end }}
{{- else }}
{{ replace "{shard}" (toString .shard) $text }}
{{- end }}
{{- end }}
{{- end }}

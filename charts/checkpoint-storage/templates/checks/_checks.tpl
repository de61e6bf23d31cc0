{{/*
What a schema cannot see, refused before anything is rendered.
*/}}

{{/* Inputs: dict "root" and "finding" (rule, path, message, fix). Outputs: nothing; ends the rendering. */}}
{{- define "checkpoint-storage.refuse" -}}
{{- fail (printf "\n\n%s %q in namespace %q: %s: %s\n  Fix: %s\n  Rule: %s\n" .root.Chart.Name .root.Release.Name (include "checkpoint-storage.namespace" .root) .finding.path .finding.message .finding.fix .finding.rule) }}
{{- end }}

{{/* Inputs: dict "root" "rule" "case" "path" and "args" (for the words of rules.yaml). Outputs: nothing; ends the rendering. */}}
{{- define "checkpoint-storage.refuse.case" -}}
{{- $words := get (get (include "checkpoint-storage.file" (dict "context" .root "file" "rules.json") | mustFromJson).rules .rule).cases .case }}
{{- $in := merge (dict "values" .root.Values) .args }}
{{- include "checkpoint-storage.refuse" (dict "root" .root "finding" (dict
  "rule" .rule
  "path" .path
  "message" (include "checkpoint-storage.rules.fill" (dict "text" $words.message "in" $in))
  "fix" (include "checkpoint-storage.rules.fill" (dict "text" $words.fix "in" $in))
)) }}
{{- end }}

{{- define "checkpoint-storage.check" -}}
{{- $root := . }}
{{- include "checkpoint-storage.check.removed" (dict "root" . "path" "" "want" (include "checkpoint-storage.file" (dict "context" . "file" "defaults.json") | mustFromJson) "have" .Values) }}
{{- $rules := (include "checkpoint-storage.file" (dict "context" . "file" "rules.json") | mustFromJson).rules }}
{{- include "checkpoint-storage.check.rules" (dict "root" . "rules" (pick $rules "E21") "in" (dict "values" .Values)) }}
{{- range include "checkpoint-storage.shards" . | mustFromJson }}
{{- $in := include "checkpoint-storage.rules.subject" (merge (dict "context" $root) .) | mustFromJson }}
{{- include "checkpoint-storage.check.rules" (dict "root" $root "rules" $rules "in" $in) }}
{{- end }}
{{- if ne .Values.provisioning "existing" }}
{{- include "checkpoint-storage.check.shards" . }}
{{- include "checkpoint-storage.check.dataSources" . }}
{{- end }}
{{- include "checkpoint-storage.check.frameworks" . }}
{{- end }}

{{/* Inputs: dict "root" "rules" "in" (the subject). Refuses the first error that the conditions find. */}}
{{- define "checkpoint-storage.check.rules" -}}
{{- $root := .root }}
{{- range (include "checkpoint-storage.rules.broken" (merge (dict "severity" "error") .) | mustFromJson).broken }}
{{- include "checkpoint-storage.refuse" (dict "root" $root "finding" .) }}
{{- end }}
{{- end }}

{{/* Two shards on one storage overwrite each other. */}}
{{- define "checkpoint-storage.check.shards" -}}
{{- $root := . }}
{{- $values := .Values }}
{{- $facts := include "checkpoint-storage.facts" . | mustFromJson }}
{{- $seen := dict }}
{{- range include "checkpoint-storage.shards" . | mustFromJson }}
{{- if and (hasKey . "shard") (eq $values.provisioning "static") }}
{{- $args := merge (dict "context" $root) . }}
{{- /* Without any, the storage is named after the volume, and volumes have names of their own. */}}
{{- with include "checkpoint-storage.identity" $args }}
{{- $identity := . }}
{{- $same := dict "root" $root "rule" "E08" "case" "sameSource" "path" $values.backend }}
{{- if and (eq (toString $args.shard) "{shard}") (gt (int $values.shards) 1) (not (contains "{shard}" $identity)) }}
{{- include "checkpoint-storage.refuse.case" (merge $same (dict "args" (dict "firstShard" 0 "secondShard" 1))) }}
{{- end }}
{{- if hasKey $seen $identity }}
{{- include "checkpoint-storage.refuse.case" (merge $same (dict "args" (dict "firstShard" (get $seen $identity) "secondShard" (int $args.shard)))) }}
{{- end }}
{{- $_ := set $seen $identity $args.shard }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A rank that is filled from another's checkpoint, or from none while the others are, restores what it did not save. */}}
{{- define "checkpoint-storage.check.dataSources" -}}
{{- $root := . }}
{{- $values := .Values }}
{{- $seen := dict }}
{{- $empty := list }}
{{- if eq $values.provisioning "dynamic" }}
{{- range include "checkpoint-storage.shards" . | mustFromJson }}
{{- if hasKey . "shard" }}
{{- $override := dict }}
{{- if $values.shardOverrides }}
{{- $override = index $values.shardOverrides (int .shard) }}
{{- end }}
{{- $own := hasKey $override "dataSourceRef" }}
{{- $refusal := dict "root" $root "rule" "E12" "path" (ternary "shardOverrides" "claim.dataSourceRef" $own) }}
{{- $source := include "checkpoint-storage.dataSource" (merge (dict "context" $root) .) }}
{{- $words := $source | mustFromJson }}
{{- if $words }}
{{- $words = printf "%s %s" (get $words "kind" | default "") (get $words "name" | default "") | trim }}
{{- if and (eq (toString .shard) "{shard}") (gt (int $values.shards) 1) (not (contains "{shard}" $source)) }}
{{- include "checkpoint-storage.refuse.case" (merge $refusal (dict "case" "sameSource" "args" (dict "firstShard" 0 "secondShard" 1 "source" $words))) }}
{{- end }}
{{- if hasKey $seen $source }}
{{- include "checkpoint-storage.refuse.case" (merge $refusal (dict "case" "sameSource" "args" (dict "firstShard" (get $seen $source) "secondShard" (int .shard) "source" $words))) }}
{{- end }}
{{- $_ := set $seen $source .shard }}
{{- else if not $own }}
{{- $empty = append $empty (int .shard) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $seen $empty }}
{{- include "checkpoint-storage.refuse.case" (dict "root" $root "rule" "E12" "case" "noSource" "path" "shardOverrides" "args" (dict "rank" (first $empty))) }}
{{- end }}
{{- end }}

{{/* Inputs: dict "root" "path" "want" (the chart's defaults) "have" (the values). Refuses null where the chart has a default: Helm deletes such a key. */}}
{{- define "checkpoint-storage.check.removed" -}}
{{- $in := . }}
{{- range $key, $default := .want }}
{{- $path := printf "%s%s" $in.path $key }}
{{- $have := index $in.have $key }}
{{- if kindIs "invalid" $have }}
{{- include "checkpoint-storage.refuse.case" (dict "root" $in.root "rule" "E19" "case" "removed" "path" $path "args" (dict "key" $path "default" (toJson $default))) }}
{{- else if and $default (kindIs "map" $default) }}
{{- include "checkpoint-storage.check.removed" (dict "root" $in.root "path" (printf "%s." $path) "want" $default "have" $have) }}
{{- end }}
{{- end }}
{{- end }}

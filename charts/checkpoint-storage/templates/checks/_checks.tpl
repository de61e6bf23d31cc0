{{/*
What a schema cannot see, refused before anything is rendered.
*/}}

{{/* Inputs: dict "root" and "finding" (rule, path, message, fix). Outputs: nothing; ends the rendering. */}}
{{- define "checkpoint-storage.refuse" -}}
{{- fail (printf "\n\n%s %q in namespace %q: %s: %s\n  Fix: %s\n  Rule: %s\n" .root.Chart.Name .root.Release.Name (include "checkpoint-storage.namespace" .root) .finding.path .finding.message .finding.fix .finding.rule) }}
{{- end }}

{{/* Inputs: dict "root" "rule" "case" "path" and "args" (facts for the words of rules.yaml). Outputs: nothing; ends the rendering. */}}
{{- define "checkpoint-storage.refuse.case" -}}
{{- $words := get (get (.root.Files.Get "rules.json" | mustFromJson).rules .rule).cases .case }}
{{- $in := dict "values" .root.Values "args" (.args | default dict) }}
{{- include "checkpoint-storage.refuse" (dict "root" .root "finding" (dict
  "rule" .rule
  "path" .path
  "message" (include "checkpoint-storage.rules.fill" (dict "text" $words.message "in" $in))
  "fix" (include "checkpoint-storage.rules.fill" (dict "text" $words.fix "in" $in))
)) }}
{{- end }}

{{- define "checkpoint-storage.check" -}}
{{- $root := . }}
{{- include "checkpoint-storage.check.removed" (dict "root" . "path" "" "want" (include "checkpoint-storage.defaults" . | mustFromJson) "have" .Values) }}
{{- with get (.Files.Get "rules.json" | mustFromJson).retired .Values.backend }}
{{- include "checkpoint-storage.refuse.case" (dict "root" $root "rule" "E21" "case" "retired" "path" "backend" "args" .) }}
{{- end }}
{{- range include "checkpoint-storage.shards" . | mustFromJson }}
{{- $in := include "checkpoint-storage.rules.subject" (merge (dict "context" $root) .) | mustFromJson }}
{{- range (include "checkpoint-storage.rules.broken" (dict "root" $root "severity" "error" "in" $in) | mustFromJson).broken }}
{{- include "checkpoint-storage.refuse" (dict "root" $root "finding" .) }}
{{- end }}
{{- end }}
{{- if ne .Values.provisioning "existing" }}
{{- include "checkpoint-storage.check.required" . }}
{{- include "checkpoint-storage.check.backsteps" . }}
{{- include "checkpoint-storage.check.accessModes" . }}
{{- include "checkpoint-storage.check.shards" . }}
{{- include "checkpoint-storage.check.dataSources" . }}
{{- include "checkpoint-storage.check.delivery" . }}
{{- end }}
{{- include "checkpoint-storage.check.unnumbered" . }}
{{- include "checkpoint-storage.check.savers" . }}
{{- end }}

{{/* {shard} where there are no shards stays as it is: Kubernetes refuses it in a name, and takes it in a path. */}}
{{- define "checkpoint-storage.check.unnumbered" -}}
{{- $root := . }}
{{- $values := .Values }}
{{- if not (int $values.shards) }}
{{- $given := dict "prepare" $values.prepare "test" $values.test }}
{{- if eq $values.provisioning "static" }}
{{- $_ := set $given "volume.nodeAffinity" $values.volume.nodeAffinity }}
{{- end }}
{{- if eq $values.provisioning "dynamic" }}
{{- $_ := set $given "claim.dataSourceRef" $values.claim.dataSourceRef }}
{{- end }}
{{- if or (eq $values.provisioning "static") $values.storageClass.create }}
{{- $_ := set $given $values.backend (index $values $values.backend) }}
{{- end }}
{{- range $key, $value := $given }}
{{- if contains "{shard}" (toJson $value) }}
{{- include "checkpoint-storage.refuse.case" (dict "root" $root "rule" "E17" "case" "shardNumber" "path" $key "args" (dict "key" $key)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The keys of its section that the backend cannot do without, for each shard. */}}
{{- define "checkpoint-storage.check.required" -}}
{{- $root := . }}
{{- $values := .Values }}
{{- $facts := include "checkpoint-storage.facts" . | mustFromJson }}
{{- $required := list }}
{{- if eq $values.provisioning "static" }}
{{- $required = $facts.required }}
{{- else if $values.storageClass.create }}
{{- $required = $facts.classRequired }}
{{- end }}
{{- range include "checkpoint-storage.shards" . | mustFromJson }}
{{- $section := include "checkpoint-storage.section" (merge (dict "context" $root) .) | mustFromJson }}
{{- range $key := $required }}
{{- if or (not (hasKey $section $key)) (kindIs "invalid" (get $section $key)) (eq (toString (get $section $key)) "") }}
{{- include "checkpoint-storage.refuse.case" (dict "root" $root "rule" "E17" "case" "missing" "path" $values.backend "args" (dict "key" (printf "%s.%s" $values.backend $key) "example" (get $facts.examples $key | toJson))) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A path that leads back out of itself is refused by Kubernetes and by drivers, and hides that two are one. */}}
{{- define "checkpoint-storage.check.backsteps" -}}
{{- $root := . }}
{{- $backend := .Values.backend }}
{{- $places := list (dict "path" $backend "key" $backend "section" (index .Values $backend)) }}
{{- range $i, $override := .Values.shardOverrides }}
{{- $places = append $places (dict "path" "shardOverrides" "key" (printf "shardOverrides[%d].source" $i) "section" $override.source) }}
{{- end }}
{{- range $place := $places }}
{{- range $key, $value := $place.section }}
{{- range ternary $value (list $value) (kindIs "slice" $value) }}
{{- if and (kindIs "string" .) (regexMatch "(^|/)[.][.](/|$)" .) }}
{{- $path := ternary (printf "%s.%s" $backend $key) $place.path (eq $place.path $backend) }}
{{- $clean := ternary (clean .) (clean (printf "/%s" .) | trimPrefix "/") (hasPrefix "/" .) }}
{{- include "checkpoint-storage.refuse.case" (dict "root" $root "rule" "E23" "case" "backsteps" "path" $path "args" (dict "key" (printf "%s.%s" $place.key $key) "clean" $clean)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Two shards on one storage overwrite each other. */}}
{{- define "checkpoint-storage.check.shards" -}}
{{- $root := . }}
{{- $values := .Values }}
{{- $facts := include "checkpoint-storage.facts" . | mustFromJson }}
{{- if and $values.shardOverrides (ne (len $values.shardOverrides) (int $values.shards)) }}
{{- include "checkpoint-storage.refuse.case" (dict "root" . "rule" "E17" "case" "shardOverrides" "path" "shardOverrides" "args" (dict "count" (len $values.shardOverrides) "shards" (int $values.shards))) }}
{{- end }}
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

{{/* A rank that is filled from another's checkpoint, or from none while the others are, restores what nobody saved. */}}
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

{{- define "checkpoint-storage.check.accessModes" -}}
{{- $root := . }}
{{- $values := .Values }}
{{- $facts := include "checkpoint-storage.facts" . | mustFromJson }}
{{- $modes := get $facts.accessModes $values.volumeMode }}
{{- if $modes }}
{{- range $mode := $values.accessModes }}
{{- if not (has $mode $modes) }}
{{- $block := "" }}
{{- if has $mode (get $facts.accessModes "Block" | default list) }}
{{- $block = ", or volumeMode: Block" }}
{{- end }}
{{- include "checkpoint-storage.refuse.case" (dict "root" $root "rule" "E06" "case" "unsupported" "path" "accessModes" "args" (dict "mode" $mode "modes" (join ", " $modes) "first" (first $modes) "block" $block)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Annotations and labels that have storage deleted by what delivers the release. */}}
{{- define "checkpoint-storage.check.delivery" -}}
{{- $root := . }}
{{- $values := .Values }}
{{- $delivery := (.Files.Get "rules.json" | mustFromJson).delivery }}
{{- range $path, $given := dict
  "claim.annotations" $values.claim.annotations
  "claim.labels" $values.claim.labels
  "commonAnnotations" $values.commonAnnotations
  "commonLabels" $values.commonLabels
  "volume.annotations" $values.volume.annotations
  "volume.labels" $values.volume.labels
}}
{{- range $key, $value := $given }}
{{- range $refused := $delivery.refused }}
{{- if and (regexMatch $refused.key $key) (or $refused.labels (not (regexMatch "[lL]abels$" $path))) (or $values.keep (not $refused.keep)) (or (not $refused.gitops) (eq $refused.gitops $values.gitops)) }}
{{- $text := include "checkpoint-storage.string" $value }}
{{- range $item := ternary (splitList "," $text) (list $text) (has $key $delivery.lists) }}
{{- $item = trim $item }}
{{- if and (regexMatch ($refused.value | default ".*") $item) (or (not $refused.unless) (and $item (not (regexMatch $refused.unless $item)))) }}
{{- include "checkpoint-storage.refuse.case" (dict "root" $root "rule" "E14" "case" $refused.case "path" $path "args" (dict "key" $key "value" $item)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
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

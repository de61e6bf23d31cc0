{{/*
The rules of rules.yaml and of the backends' folders: conditions are data, judged here as ckptctl judges them.
What they are judged on is dict "values" "section" "facts" "affinity" "affinityKeys" "affinityPins" "options" "mounted"
"names", and "args" with facts for the words.
*/}}

{{/* Inputs: a chart context, or dict "context" "shard". Outputs: what rules are judged on, as JSON. */}}
{{- define "checkpoint-storage.rules.subject" -}}
{{- $context := .context | default . }}
{{- $suffix := ternary "-0" "" (gt (int $context.Values.shards) 0) }}
{{- $claim := $context.Values.claim.name | default (include "checkpoint-storage.fullname" $context) }}
{{- $names := dict "claim" (include "checkpoint-storage.cut" (dict "name" $claim "suffix" $suffix) | trimSuffix $suffix) }}
{{- with $context.Values.retention.checkpointSize }}
{{- $all := mulf (include "checkpoint-storage.rules.quantity" . | float64) (add1 (int $context.Values.retention.keep)) }}
{{- $_ := set $names "room" (printf "%.0fGi" (ceil (divf $all (max 1 (int $context.Values.shards)) 1073741824))) }}
{{- end }}
{{- $section := include "checkpoint-storage.section" . | mustFromJson }}
{{- with $section.targetPortal }}
{{- $last := dict }}
{{- if gt (int $context.Values.shards) 0 }}
{{- $last = dict "shard" (sub (int $context.Values.shards) 1) }}
{{- end }}
{{- $_ := set $names "portal" (printf "%s:%s" (include "checkpoint-storage.volumeName" (merge (dict "context" $context) $last)) .) }}
{{- end }}
{{- $said := include "checkpoint-storage.readOnly.said" (dict "root" $context "section" $section) | mustFromJson }}
{{- $_ := set $names "readOnly" $said.by }}
{{- $_ := set $names "writable" $said.instead }}
{{- $_ := set $names "readOnlyOption" (include "checkpoint-storage.readOnly.option" .) }}
{{- $affinity := include "checkpoint-storage.nodeAffinity" . | mustFromJson }}
{{- $_ := set $names "dataSource" (include "checkpoint-storage.dataSource" . | mustFromJson) }}
{{- $options := $context.Values.mountOptions }}
{{- if kindIs "slice" $options }}
{{- $options = include "checkpoint-storage.mountOptions.read" $options | mustFromJson }}
{{- end }}
{{- dict
  "values" $context.Values
  "section" $section
  "facts" (include "checkpoint-storage.facts" $context | mustFromJson)
  "affinity" $affinity
  "affinityKeys" (include "checkpoint-storage.rules.affinityKeys" (dict "affinity" $affinity) | mustFromJson)
  "affinityPins" (include "checkpoint-storage.rules.affinityKeys" (dict "affinity" $affinity "pins" true) | mustFromJson)
  "options" $options
  "mounted" (include "checkpoint-storage.mountOptions.read" (include "checkpoint-storage.mountOptions" . | mustFromJson) | mustFromJson)
  "names" $names
| toJson }}
{{- end }}

{{/*
Inputs: dict "affinity" and perhaps "pins". Outputs: the node labels of which each term of the affinity names values, a
JSON list; with "pins", those of which all terms name one value, the same, and that are not of the labels which
Kubernetes gives to many nodes alike. One of the terms has to hold, and one that is empty never does.
*/}}
{{- define "checkpoint-storage.rules.affinityKeys" -}}
{{- $in := . }}
{{- $common := dict }}
{{- $first := true }}
{{- $alike := "^((topology|failure-domain[.]beta|beta|node-role)[.]kubernetes[.]io/|node[.]kubernetes[.]io/instance-type$|kubernetes[.]io/(os|arch)$)" }}
{{- range dig "required" "nodeSelectorTerms" list .affinity }}
{{- with concat (.matchExpressions | default list) (.matchFields | default list) }}
{{- $keys := dict }}
{{- range . }}
{{- $values := ternary (.values | default list) list (eq (toString $in.pins) "true") }}
{{- if and (eq .operator "In") (or (not $in.pins) (and (eq (len $values) 1) (not (regexMatch $alike .key)))) (or $first (eq (get $common .key) (toJson $values))) }}
{{- $_ := set $keys .key (toJson $values) }}
{{- end }}
{{- end }}
{{- $common = $keys }}
{{- $first = false }}
{{- end }}
{{- end }}
{{- keys $common | sortAlpha | toJson }}
{{- end }}

{{/* Inputs: dict "text" "in" and perhaps "each". Outputs: the text with every {path} filled in that leads somewhere. */}}
{{- define "checkpoint-storage.rules.fill" -}}
{{- $in := . }}
{{- $text := .text }}
{{- range regexFindAll "\\{[$A-Za-z.]+(\\|host|\\|port)?\\}" $text -1 }}
{{- $placeholder := . }}
{{- $part := . | trimPrefix "{" | trimSuffix "}" | splitList "|" }}
{{- $path := first $part }}
{{- $value := $in.each }}
{{- if ne $path "$" }}
{{- $value = (include "checkpoint-storage.rules.at" (dict "path" $path "in" $in.in "each" $in.each) | mustFromJson).value }}
{{- end }}
{{- if kindIs "slice" $value }}
{{- $value = join ", " $value }}
{{- end }}
{{- if has "host" (rest $part) }}
{{- $value = regexReplaceAll ":[0-9]*$" (toString $value) "" }}
{{- else if has "port" (rest $part) }}
{{- $value = regexFind "[0-9]*$" (toString $value) }}
{{- end }}
{{- if not (kindIs "invalid" $value) }}
{{- $text = replace $placeholder (toString $value) $text }}
{{- end }}
{{- end }}
{{- $text }}
{{- end }}

{{/* Inputs: dict "case" "in" (the subject). Outputs: the paths for which the case is judged, a JSON list; [""] where it is judged once. */}}
{{- define "checkpoint-storage.rules.each" -}}
{{- $in := .in }}
{{- $paths := list }}
{{- range .case.each }}
{{- if hasPrefix "facts." . }}
{{- $paths = concat $paths ((include "checkpoint-storage.rules.at" (dict "path" . "in" $in) | mustFromJson).value | default list) }}
{{- else }}
{{- $paths = append $paths . }}
{{- end }}
{{- end }}
{{- if not .case.each }}
{{- $paths = list "" }}
{{- end }}
{{- $paths | toJson }}
{{- end }}

{{/* Inputs: dict "root" "severity" "in" (the subject). Outputs: {"broken": […]}, what the conditions find, as JSON. */}}
{{- define "checkpoint-storage.rules.broken" -}}
{{- $in := . }}
{{- $cases := list }}
{{- range $rule, $entry := (.root.Files.Get "rules.json" | mustFromJson).rules }}
{{- range $_, $case := $entry.cases }}
{{- if $case.when }}
{{- $cases = append $cases (merge (dict "rule" $rule) $case) }}
{{- end }}
{{- end }}
{{- end }}
{{- $broken := list }}
{{- range concat $cases $in.in.facts.rules }}
{{- $case := . }}
{{- if eq ($case.severity | default "error") $in.severity }}
{{- range $each := include "checkpoint-storage.rules.each" (dict "case" $case "in" $in.in) | mustFromJson }}
{{- if include "checkpoint-storage.rules.hold" (dict "when" $case.when "in" $in.in "each" $each) }}
{{- $path := regexReplaceAll "^section[.]" (replace "$" $each $case.path) (printf "%s." $in.in.values.backend) }}
{{- $finding := dict "rule" $case.rule "path" $path }}
{{- range $word := list "message" "fix" }}
{{- $_ := set $finding $word (include "checkpoint-storage.rules.fill" (dict "text" (get $case $word) "in" $in.in "each" $each)) }}
{{- end }}
{{- $broken = append $broken $finding }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- dict "broken" $broken | toJson }}
{{- end }}

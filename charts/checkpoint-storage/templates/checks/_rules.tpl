{{/*
The rules of rules.yaml and of the backends' folders: conditions are data, judged here as ckptctl judges them.
What they are judged on is dict "values" "section" "facts" "affinity" "affinityKeys" "names", and "args" with facts for
the words.
*/}}

{{/* Inputs: a chart context, or dict "context" "shard". Outputs: what rules are judged on, as JSON. */}}
{{- define "checkpoint-storage.rules.subject" -}}
{{- $context := .context | default . }}
{{- $names := dict "claim" ($context.Values.claim.name | default (include "checkpoint-storage.fullname" $context)) }}
{{- $affinity := include "checkpoint-storage.nodeAffinity" . | fromJson }}
{{- dict
  "values" $context.Values
  "section" (include "checkpoint-storage.section" . | fromJson)
  "facts" (include "checkpoint-storage.facts" $context | fromJson)
  "affinity" $affinity
  "affinityKeys" (include "checkpoint-storage.rules.affinityKeys" $affinity | fromJsonArray)
  "names" $names
| toJson }}
{{- end }}

{{/* Inputs: a node affinity. Outputs: the node labels that it names in each of its terms, one of which has to hold; a JSON list. */}}
{{- define "checkpoint-storage.rules.affinityKeys" -}}
{{- $common := list }}
{{- range $i, $term := dig "required" "nodeSelectorTerms" list . }}
{{- $keys := list }}
{{- range $term.matchExpressions }}
{{- if or (eq $i 0) (has .key $common) }}
{{- $keys = append $keys .key }}
{{- end }}
{{- end }}
{{- $common = $keys }}
{{- end }}
{{- $common | toJson }}
{{- end }}

{{/* Inputs: a quantity such as 10Gi. Outputs: the number. */}}
{{- define "checkpoint-storage.rules.quantity" -}}
{{- $unit := regexFind "[A-Za-z]*$" . }}
{{- $factors := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 }}
{{- mulf (trimSuffix $unit . | float64) (get $factors $unit) }}
{{- end }}

{{/*
Inputs: dict "value" "limit" (a quantity, or a path to one) "in" "comparison". Outputs: "true" when value is below, above
or off the steps of the limit; nothing otherwise, or where one of the two is missing.
*/}}
{{- define "checkpoint-storage.rules.compare" -}}
{{- $limit := .limit }}
{{- if not (regexMatch "^[0-9]" $limit) }}
{{- $limit = (include "checkpoint-storage.rules.at" (dict "path" $limit "in" .in) | fromJson).value }}
{{- end }}
{{- if and .value $limit }}
{{- $value := include "checkpoint-storage.rules.quantity" (toString .value) | float64 }}
{{- $limit = include "checkpoint-storage.rules.quantity" (toString $limit) | float64 }}
{{- $steps := divf $value $limit }}
{{- if get (dict "below" (lt $value $limit) "above" (gt $value $limit) "offStep" (ne $steps (floor $steps))) .comparison }}true{{ end }}
{{- end }}
{{- end }}

{{/* Inputs: dict "path" "in" (the subject) and perhaps "each". Outputs: {"value": what is there, or null}, as JSON. */}}
{{- define "checkpoint-storage.rules.at" -}}
{{- $steps := splitList "." (ternary .each .path (eq .path "$")) }}
{{- $value := ternary .in .in.values (hasKey .in (first $steps)) }}
{{- if hasKey (.in.args | default dict) (first $steps) }}
{{- $value = .in.args }}
{{- end }}
{{- range $steps }}
{{- if kindIs "map" $value }}
{{- $value = index $value . }}
{{- else }}
{{- $value = index dict "" }}
{{- end }}
{{- end }}
{{- dict "value" $value | toJson }}
{{- end }}

{{/* Inputs: dict "when" "in" and perhaps "each". Outputs: "true" when the condition holds, otherwise nothing. */}}
{{- define "checkpoint-storage.rules.hold" -}}
{{- $in := . }}
{{- $when := .when }}
{{- $hold := true }}
{{- range $when.all }}
{{- $hold = and $hold (include "checkpoint-storage.rules.hold" (dict "when" . "in" $in.in "each" $in.each)) }}
{{- end }}
{{- with $when.any }}
{{- $one := false }}
{{- range . }}
{{- $one = or $one (include "checkpoint-storage.rules.hold" (dict "when" . "in" $in.in "each" $in.each)) }}
{{- end }}
{{- $hold = and $hold $one }}
{{- end }}
{{- with $when.not }}
{{- $hold = and $hold (not (include "checkpoint-storage.rules.hold" (dict "when" . "in" $in.in "each" $in.each))) }}
{{- end }}
{{- with $when.path }}
{{- $value := (include "checkpoint-storage.rules.at" (dict "path" . "in" $in.in "each" $in.each) | fromJson).value }}
{{- if hasKey $when "is" }}
{{- $hold = and $hold (eq (toJson $value) (toJson $when.is)) }}
{{- end }}
{{- if hasKey $when "same" }}
{{- $hold = and $hold (eq (dict "value" $value | toJson) (include "checkpoint-storage.rules.at" (dict "path" $when.same "in" $in.in))) }}
{{- end }}
{{- if hasKey $when "empty" }}
{{- $hold = and $hold (eq (empty $value) $when.empty) }}
{{- end }}
{{- if hasKey $when "set" }}
{{- $hold = and $hold (ne (kindIs "invalid" $value) $when.set) }}
{{- end }}
{{- if hasKey $when "has" }}
{{- $hold = and $hold (has $when.has ($value | default list)) }}
{{- end }}
{{- with $when.hasAny }}
{{- $one := false }}
{{- range (include "checkpoint-storage.rules.at" (dict "path" . "in" $in.in) | fromJson).value }}
{{- $one = or $one (has . ($value | default list)) }}
{{- end }}
{{- $hold = and $hold $one }}
{{- end }}
{{- range $comparison := list "below" "above" "offStep" }}
{{- with get $when $comparison }}
{{- $hold = and $hold (include "checkpoint-storage.rules.compare" (dict "value" $value "limit" . "in" $in.in "comparison" $comparison)) }}
{{- end }}
{{- end }}
{{- if hasKey $when "matches" }}
{{- $one := false }}
{{- range ternary $value (list $value) (kindIs "slice" $value) }}
{{- $one = or $one (regexMatch $when.matches (toString .)) }}
{{- end }}
{{- $hold = and $hold $one }}
{{- end }}
{{- end }}
{{- if $hold }}true{{ end }}
{{- end }}

{{/* Inputs: dict "text" "in" and perhaps "each". Outputs: the text with every {path} filled in that leads somewhere. */}}
{{- define "checkpoint-storage.rules.fill" -}}
{{- $in := . }}
{{- $text := .text }}
{{- range regexFindAll "\\{[$A-Za-z.]+\\}" $text -1 }}
{{- $placeholder := . }}
{{- $path := . | trimPrefix "{" | trimSuffix "}" }}
{{- $value := $in.each }}
{{- if ne $path "$" }}
{{- $value = (include "checkpoint-storage.rules.at" (dict "path" $path "in" $in.in) | fromJson).value }}
{{- end }}
{{- if kindIs "slice" $value }}
{{- $value = join ", " $value }}
{{- end }}
{{- if not (kindIs "invalid" $value) }}
{{- $text = replace $placeholder (toString $value) $text }}
{{- end }}
{{- end }}
{{- $text }}
{{- end }}

{{/* Inputs: dict "root" "severity" "in" (the subject). Outputs: {"broken": […]}, what the conditions find, as JSON. */}}
{{- define "checkpoint-storage.rules.broken" -}}
{{- $in := . }}
{{- $cases := list }}
{{- range $rule, $entry := .root.Files.Get "rules.yaml" | fromYaml }}
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
{{- range $each := $case.each | default (list "") }}
{{- if include "checkpoint-storage.rules.hold" (dict "when" $case.when "in" $in.in "each" $each) }}
{{- $finding := dict "rule" $case.rule "path" (ternary $each $case.path (eq $case.path "$")) }}
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

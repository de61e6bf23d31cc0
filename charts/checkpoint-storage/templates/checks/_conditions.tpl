{{/*
The conditions of rules, as rules.yaml describes them; ckptctl judges the same.
*/}}

{{/* Inputs: a quantity such as 10Gi. Outputs: the number. */}}
{{- define "checkpoint-storage.rules.quantity" -}}
{{- $unit := regexFind "[A-Za-z]*$" . }}
{{- $factors := dict "" 1 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 }}
{{- mulf (trimSuffix $unit . | float64) (get $factors $unit) }}
{{- end }}

{{/*
Inputs: dict "value" "limit" (a quantity, or a path to one) "in" "comparison" and perhaps "each". Outputs: "true" when value is below, above
or off the steps of the limit; nothing otherwise, or where one of the two is missing.
*/}}
{{- define "checkpoint-storage.rules.compare" -}}
{{- $limit := .limit }}
{{- if not (regexMatch "^[0-9]" $limit) }}
{{- $limit = (include "checkpoint-storage.rules.at" (dict "path" $limit "in" .in "each" .each) | mustFromJson).value }}
{{- end }}
{{- if and .value $limit }}
{{- $value := include "checkpoint-storage.rules.quantity" (toString .value) | float64 }}
{{- $limit = include "checkpoint-storage.rules.quantity" (toString $limit) | float64 }}
{{- $steps := divf $value $limit }}
{{- if get (dict "below" (lt $value $limit) "above" (gt $value $limit) "offStep" (ne $steps (floor $steps))) .comparison }}true{{ end }}
{{- end }}
{{- end }}

{{/* Inputs: a list of KEY=VALUE. Outputs: "true" when two items give one key different values, otherwise nothing. */}}
{{- define "checkpoint-storage.rules.twice" -}}
{{- $values := dict }}
{{- range . }}
{{- $key := splitList "=" . | first }}
{{- if and (contains "=" .) (not (hasPrefix "x-" .)) (ne . (get $values $key | default .)) }}true{{ end }}
{{- $_ := set $values $key . }}
{{- end }}
{{- end }}

{{/* Inputs: dict "path" "in" (the subject) and perhaps "each". Outputs: {"value": what is there, or null}, as JSON. */}}
{{- define "checkpoint-storage.rules.at" -}}
{{- $steps := splitList "." (replace "$" (.each | default "") .path) }}
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
{{- $value := (include "checkpoint-storage.rules.at" (dict "path" . "in" $in.in "each" $in.each) | mustFromJson).value }}
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
{{- $hold = and $hold (has (ternary $in.each $when.has (eq $when.has "$")) ($value | default list)) }}
{{- end }}
{{- with $when.twice }}
{{- $hold = and $hold (include "checkpoint-storage.rules.twice" $value) }}
{{- end }}
{{- with $when.hasAny }}
{{- $one := false }}
{{- range (include "checkpoint-storage.rules.at" (dict "path" . "in" $in.in) | mustFromJson).value }}
{{- $one = or $one (has . ($value | default list)) }}
{{- end }}
{{- $hold = and $hold $one }}
{{- end }}
{{- range $comparison := list "below" "above" "offStep" }}
{{- with get $when $comparison }}
{{- $hold = and $hold (include "checkpoint-storage.rules.compare" (dict "value" $value "limit" . "in" $in.in "each" $in.each "comparison" $comparison)) }}
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

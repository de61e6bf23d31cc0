{{/*
The conditions of rules, as rules.yaml describes them; ckptctl judges the same. Each template here takes "in" (what rules
are judged on) and perhaps "each" (what $ stands for: a path, a word or a map).
*/}}

{{/* Inputs: a quantity such as 10Gi. Outputs: the number. */}}
{{- define "checkpoint-storage.rules.quantity" -}}
{{- $unit := regexFind "[A-Za-z]*$" . }}
{{- $factors := dict "" 1 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 }}
{{- mulf (trimSuffix $unit . | float64) (get $factors $unit) }}
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

{{/* Inputs: dict "path" "in" "each". Outputs: nothing; sets the inputs' value to what is at the path, or null. */}}
{{- define "checkpoint-storage.rules.at" -}}
{{- $steps := splitList "." .path }}
{{- $value := .in.values }}
{{- if and (kindIs "map" .each) (eq (first $steps) "$") }}
{{- $value = dict "$" .each }}
{{- else }}
{{- $steps = splitList "." (replace "$" (.each | default "" | toString) .path) }}
{{- $value = ternary .in $value (hasKey .in (first $steps)) }}
{{- end }}
{{- range $steps }}
{{- $value = index (ternary $value dict (kindIs "map" $value)) . }}
{{- end }}
{{- $_ := set . "value" $value }}
{{- end }}

{{/* Inputs: dict "path" "in" "each". Outputs: nothing; sets the inputs' value to what {path} stands for. */}}
{{- define "checkpoint-storage.rules.word" -}}
{{- if eq .path "$" }}
{{- $_ := set . "value" .each }}
{{- else }}
{{- include "checkpoint-storage.rules.at" . }}
{{- end }}
{{- end }}

{{/* Inputs: dict "test" "value" "in" "each". Outputs: "true" when the value passes the test, otherwise nothing. */}}
{{- define "checkpoint-storage.rules.passes" -}}
{{- $in := . }}
{{- $value := .value }}
{{- $pass := true }}
{{- range $operator, $operand := ternary .test (dict "is" .test) (kindIs "map" .test) }}
{{- if and (kindIs "string" $operand) (contains " x " (toString $operand)) }}
{{- $product := 1.0 }}
{{- range splitList " x " $operand }}
{{- $word := dict "path" (trimAll "{}" .) "in" $in.in "each" $in.each "value" . }}
{{- if hasPrefix "{" . }}
{{- include "checkpoint-storage.rules.word" $word }}
{{- end }}
{{- $product = mulf $product (include "checkpoint-storage.rules.quantity" ($word.value | default 0 | toString) | float64) }}
{{- end }}
{{- $operand = $product }}
{{- else if and (kindIs "string" $operand) (regexMatch "^[{].*[}]$" (toString $operand)) }}
{{- $word := dict "path" (trimAll "{}" $operand) "in" $in.in "each" $in.each }}
{{- include "checkpoint-storage.rules.word" $word }}
{{- $operand = $word.value }}
{{- end }}
{{- if not $pass }}
{{- else if eq $operator "is" }}
{{- $pass = eq (toJson $value) (toJson $operand) }}
{{- else if eq $operator "not" }}
{{- $pass = not (include "checkpoint-storage.rules.passes" (dict "test" $operand "value" $value "in" $in.in "each" $in.each)) }}
{{- else if eq $operator "empty" }}
{{- $pass = eq (empty $value) $operand }}
{{- else if eq $operator "numbered" }}
{{- $pass = contains "{shard}" (toJson $value) }}
{{- else if eq $operator "has" }}
{{- $pass = false }}
{{- range ternary $operand (list $operand) (kindIs "slice" $operand) }}
{{- $pass = or $pass (has . ($value | default list)) }}
{{- end }}
{{- else if eq $operator "matches" }}
{{- $pass = false }}
{{- range ternary $value (list $value) (kindIs "slice" $value) }}
{{- $pass = or $pass (and (kindIs "string" .) (regexMatch $operand (toString .))) }}
{{- end }}
{{- else if and $value $operand }}
{{- $have := include "checkpoint-storage.rules.quantity" (toString $value) | float64 }}
{{- $limit := include "checkpoint-storage.rules.quantity" (toString $operand) | float64 }}
{{- $steps := divf $have $limit }}
{{- $pass = get (dict "below" (lt $have $limit) "above" (gt $have $limit) "offStep" (ne $steps (floor $steps))) $operator }}
{{- else }}
{{- $pass = false }}
{{- end }}
{{- end }}
{{- if $pass }}true{{ end }}
{{- end }}

{{/* Inputs: dict "when" "in" "each". Outputs: "true" when the condition holds, otherwise nothing. */}}
{{- define "checkpoint-storage.rules.hold" -}}
{{- $in := . }}
{{- $hold := true }}
{{- range $path, $test := .when }}
{{- if not $hold }}
{{- else if eq $path "any" }}
{{- $hold = false }}
{{- range $test }}
{{- $hold = or $hold (include "checkpoint-storage.rules.hold" (dict "when" . "in" $in.in "each" $in.each)) }}
{{- end }}
{{- else }}
{{- $at := dict "path" $path "test" $test "in" $in.in "each" $in.each }}
{{- include "checkpoint-storage.rules.at" $at }}
{{- $hold = include "checkpoint-storage.rules.passes" $at }}
{{- end }}
{{- end }}
{{- if $hold }}true{{ end }}
{{- end }}

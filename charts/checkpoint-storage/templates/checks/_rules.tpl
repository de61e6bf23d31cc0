{{/*
The rules of rules.yaml and of the backends' folders: conditions are data, judged here as ckptctl judges them.
*/}}

{{/* Inputs: dict "text" "in" "each". Outputs: the text with every {path} filled in that leads somewhere. */}}
{{- define "checkpoint-storage.rules.fill" -}}
{{- $in := . }}
{{- $text := .text }}
{{- range regexFindAll "\\{[$A-Za-z.]+(\\|[a-z]+)?\\}" $text -1 }}
{{- $part := trimAll "{}" . | splitList "|" }}
{{- $word := dict "path" (first $part) "in" $in.in "each" $in.each }}
{{- include "checkpoint-storage.rules.word" $word }}
{{- if not (kindIs "invalid" $word.value) }}
{{- $shown := ternary $word.value (list $word.value) (kindIs "slice" $word.value) }}
{{- $all := join ", " $shown }}
{{- if has "first" (rest $part) }}
{{- $all = first $shown }}
{{- else if has "json" (rest $part) }}
{{- $all = toJson $word.value }}
{{- else if has "clean" (rest $part) }}
{{- $all = ternary (clean $all) (clean (printf "/%s" $all) | trimPrefix "/") (hasPrefix "/" $all) }}
{{- else if has "host" (rest $part) }}
{{- $all = regexReplaceAll ":[0-9]*$" $all "" }}
{{- else if has "port" (rest $part) }}
{{- $all = regexFind "[0-9]*$" $all }}
{{- end }}
{{- $text = replace . $all $text }}
{{- end }}
{{- end }}
{{- $text }}
{{- end }}

{{/* Inputs: dict "case" "in". Outputs: what the case is judged for, a JSON list; [""] where it is judged once. */}}
{{- define "checkpoint-storage.rules.each" -}}
{{- $in := .in }}
{{- $all := list }}
{{- range .case.each | default (list "") }}
{{- if hasPrefix "{" (toString .) }}
{{- $at := dict "path" (trimAll "{}" .) "in" $in }}
{{- include "checkpoint-storage.rules.at" $at }}
{{- $all = concat $all (ternary (keys (ternary $at.value dict (kindIs "map" $at.value)) | sortAlpha) ($at.value | default list) (kindIs "map" $at.value)) }}
{{- else }}
{{- $all = append $all . }}
{{- end }}
{{- end }}
{{- $all | toJson }}
{{- end }}

{{/* Inputs: dict "rules" "severity" "in" (the subject). Outputs: {"broken": […]}, what the conditions find, as JSON. */}}
{{- define "checkpoint-storage.rules.broken" -}}
{{- $in := . }}
{{- $cases := list }}
{{- range $rule, $entry := .rules }}
{{- range $_, $case := $entry.cases }}
{{- if and $case.when (not $case.by) }}
{{- $cases = append $cases (set $case "rule" $rule) }}
{{- end }}
{{- end }}
{{- end }}
{{- $broken := list }}
{{- range $case := concat $cases (dig "facts" "rules" list .in) }}
{{- if eq ($case.severity | default "error") $in.severity }}
{{- range $each := include "checkpoint-storage.rules.each" (dict "case" $case "in" $in.in) | mustFromJson }}
{{- if include "checkpoint-storage.rules.hold" (dict "when" $case.when "in" $in.in "each" $each) }}
{{- $finding := dict "rule" $case.rule }}
{{- range $word := list "path" "message" "fix" }}
{{- $_ := set $finding $word (include "checkpoint-storage.rules.fill" (dict "text" (get $case $word) "in" $in.in "each" $each)) }}
{{- end }}
{{- $path := ternary $finding.path (replace "$" (toString $each) $finding.path) (kindIs "map" $each) }}
{{- $broken = append $broken (set $finding "path" (regexReplaceAll "^section\\b" $path $in.in.values.backend)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- dict "broken" $broken | toJson }}
{{- end }}

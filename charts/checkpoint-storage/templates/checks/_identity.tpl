{{/*
Inputs: dict "context" and perhaps "shard". Outputs: what tells the store's storage, or a shard's, from any other, as JSON;
the same for two however they are spelled. Nothing where the storage is named after the volume. ckptctl's package identity
says the same, and of IPv6 addresses too, which templates cannot read.
*/}}
{{- define "checkpoint-storage.identity" -}}
{{- $in := . }}
{{- $facts := include "checkpoint-storage.facts" .context | mustFromJson }}
{{- $section := include "checkpoint-storage.section" . | mustFromJson }}
{{- $known := false }}
{{- $places := list }}
{{- $words := list }}
{{- $steps := list "/" }}
{{- range $key := $facts.identity }}
{{- $value := get $section $key.key }}
{{- $set := and (hasKey $section $key.key) (not (kindIs "invalid" $value)) }}
{{- $known = or $known $set }}
{{- $as := $key.as | default "" }}
{{- if has $as (list "directory" "folder") }}
{{- $step := ternary (toString $value) "" $set }}
{{- $steps = append $steps (ternary (lower $step) $step (eq $as "folder")) }}
{{- else if eq $as "secret" }}
{{- with $value }}
{{- $words = append $words (printf "%s/%s" (.namespace | default (include "checkpoint-storage.namespace" $in.context)) .name) }}
{{- end }}
{{- else if and $set (or (has $as (list "host" "nid")) (and (eq $as "name") (kindIs "slice" $value))) }}
{{- range $item := ternary $value (list $value) (kindIs "slice" $value) }}
{{- range $place := ternary (splitList "," $item) (list $item) (eq $as "nid") }}
{{- $place = lower $place }}
{{- if eq $as "nid" }}
{{- $place = regexReplaceAll "(@[a-z0-9]*[a-z])0$" $place "${1}" }}
{{- else if eq $as "host" }}
{{- $port := regexFind ":[0-9]+$" $place | default "" }}
{{- if gt (len (splitList ":" $place)) 2 }}
{{- $port = regexFind "[]]:[0-9]+$" $place | trimPrefix "]" }}
{{- end }}
{{- $place = trimSuffix $port $place | trimPrefix "[" | trimSuffix "]" | trimSuffix "." }}
{{- $place = printf "%s %s" $place (trimPrefix ":" $port | default (toString ($key.port | default ""))) }}
{{- end }}
{{- $places = append $places $place }}
{{- end }}
{{- end }}
{{- else }}
{{- $word := ternary (ternary $value (list $value) (kindIs "slice" $value) | sortAlpha | join "\n") "" $set }}
{{- $words = append $words (ternary (lower $word) $word (eq $as "name")) }}
{{- end }}
{{- end }}
{{- if $known }}
{{- $places = sortAlpha $places }}
{{- dict "places" $places "words" $words "directory" (join "/" $steps | clean) | toJson }}
{{- /* One path on two nodes is two directories, unless both mount the same there. */}}
{{- if or (and $facts.nodeBound (not $section.sharedMount)) (regexMatch "^(localhost|127[.][0-9.]+|::1)( |$)" (join "\n" $places)) }}
{{- include "checkpoint-storage.nodeAffinity" $in }}
{{- end }}
{{- end }}
{{- end }}

{{/* Inputs: a chart context. Outputs: what the backend says of operations, as JSON; {} where it can say nothing. */}}
{{- define "checkpoint-storage.frameworks.able" -}}
{{- $facts := include "checkpoint-storage.facts" . | mustFromJson }}
{{- $like := include "checkpoint-storage.frameworks.like" . | mustFromJson }}
{{- $able := merge ($facts.semantics | default dict) ($like.operations | default dict) }}
{{- if eq .Values.provisioning "existing" }}
{{- /* The claim is not the chart's, whatever backend the values name. */}}
{{- $able = dict }}
{{- else if $facts.semanticsWhen }}
{{- if not (include "checkpoint-storage.rules.hold" (dict "when" $facts.semanticsWhen "in" (include "checkpoint-storage.rules.subject" . | mustFromJson))) }}
{{- $able = dict }}
{{- end }}
{{- end }}
{{- $able | toJson }}
{{- end }}

{{/* Inputs: a chart context. Outputs: the file system of several backends that the backend's is like, as JSON; {} for none. */}}
{{- define "checkpoint-storage.frameworks.like" -}}
{{- $facts := include "checkpoint-storage.facts" . | mustFromJson }}
{{- $catalog := include "checkpoint-storage.file" (dict "context" . "file" "frameworks.json") | mustFromJson }}
{{- get $catalog.filesystems ($facts.semanticsLike | default "") | default dict | toJson }}
{{- end }}

{{/* What a declared framework needs and the backend is known not to have. What is unknown is left to `helm test`. */}}
{{- define "checkpoint-storage.check.frameworks" -}}
{{- $root := . }}
{{- $values := .Values }}
{{- /* Frameworks on a raw device are another mistake. */}}
{{- if and $values.frameworks (ne $values.volumeMode "Block") }}
{{- $catalog := include "checkpoint-storage.file" (dict "context" . "file" "frameworks.json") | mustFromJson }}
{{- $able := include "checkpoint-storage.frameworks.able" . | mustFromJson }}
{{- $like := include "checkpoint-storage.frameworks.like" . | mustFromJson }}
{{- $in := include "checkpoint-storage.rules.subject" . | mustFromJson }}
{{- range $name := sortAlpha $values.frameworks }}
{{- $framework := get $catalog.frameworks $name }}
{{- $missing := list }}
{{- range $catalog.operations }}
{{- $survived := has (dig .name "" ($in.facts.semanticsErrors | default dict)) (dig .name list ($framework.survives | default dict)) }}
{{- if and (hasKey $framework.needs .name) (eq (dig .name "unknown" $able) "no") (not $survived) }}
{{- $missing = append $missing .title }}
{{- end }}
{{- end }}
{{- if $missing }}
{{- include "checkpoint-storage.refuse.case" (dict "root" $root "rule" "E22" "case" "missing" "path" "frameworks" "args" (dict "framework" $name "operations" (join ", " $missing) "alternative" $framework.alternative)) }}
{{- end }}
{{- range $option, $taken := merge ($in.facts.optionsTake | default dict) ($like.takes | default dict) }}
{{- range $catalog.operations }}
{{- if and (has .name $taken) (hasKey $framework.needs .name) (has $option ($in.options | default list)) }}
{{- include "checkpoint-storage.refuse.case" (dict "root" $root "rule" "E22" "case" "taken" "path" "mountOptions" "args" (dict "framework" $name "operation" .title "option" $option)) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $option, $needed := $in.facts.mountOptionsNeeded }}
{{- range $catalog.operations }}
{{- if and (eq .name ($needed.operation | default "")) (hasKey $framework.needs .name) (kindIs "slice" $in.options) (not (has $option ($in.options | default list))) }}
{{- include "checkpoint-storage.refuse.case" (dict "root" $root "rule" "E22" "case" "option" "path" "mountOptions" "args" (dict "framework" $name "operation" .title "option" $option)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Outputs: who wants each operation, as JSON: {"renameFile": "dcp, megatron", …}. */}}
{{- define "checkpoint-storage.frameworks.wanted" -}}
{{- $catalog := include "checkpoint-storage.file" (dict "context" . "file" "frameworks.json") | mustFromJson }}
{{- $wanted := dict }}
{{- if has "ReadWriteMany" .Values.accessModes }}
{{- $_ := set $wanted "visible" (list "ReadWriteMany") }}
{{- end }}
{{- if not .Values.frameworks }}
{{- /* Without declared frameworks, most flush what they write and publish it by a rename. */}}
{{- $wanted = merge $wanted (dict "fsync" (list "all") "renameFile" (list "all")) }}
{{- end }}
{{- range $name := sortAlpha .Values.frameworks }}
{{- range $operation, $_ := (get $catalog.frameworks $name).needs }}
{{- $_ := set $wanted $operation (append (get $wanted $operation | default list) $name) }}
{{- end }}
{{- end }}
{{- $out := dict }}
{{- range $operation, $who := $wanted }}
{{- $_ := set $out $operation (join "," $who) }}
{{- end }}
{{- $out | toJson }}
{{- end }}

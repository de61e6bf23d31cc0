{{/*
Alerts on the store. Each is a file of alerts/: its expression, for, severity and summary, with words in braces for what
the values say, and under needs what it cannot be judged without: statistics of the kubelet, or the check of freshness.
*/}}

{{/* Inputs: a chart context. Outputs: the groups of rules, as Prometheus and its operator read them. */}}
{{- define "checkpoint-storage.monitoring.groups" -}}
{{- $root := . }}
{{- $words := include "checkpoint-storage.monitoring.words" . | mustFromJson }}
{{- $has := dict "statistics" .Values.monitoring.statistics "freshness" (not (empty .Values.freshness.maxAge)) }}
{{- $rules := list }}
{{- if $has.statistics }}
{{- /* A pod in a crash loop has no statistics (kubernetes/kubernetes#141350), and a full store is what sends it there. The
last figure holds as long as a pod has the claim and has not ended. */}}
{{- range $of := list "available" "used" }}
{{- $expr := `min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_{of}_bytes{{claims}})
or last_over_time(checkpoint_storage:{of}_bytes{{claims}}[1h])
  and on (namespace, persistentvolumeclaim) (
    kube_pod_spec_volumes_persistentvolumeclaims_info{{claims}}
      and on (namespace, pod) kube_pod_status_phase{namespace="{namespace}",phase=~"Pending|Running"} == 1
  )` }}
{{- $rules = append $rules (dict "record" (printf "checkpoint_storage:%s_bytes" $of) "expr" (include "checkpoint-storage.monitoring.fill" (dict "text" (replace "{of}" $of $expr) "words" $words))) }}
{{- end }}
{{- end }}
{{- range $path, $_ := .Files.Glob "alerts/*.yaml" }}
{{- $name := trimSuffix ".yaml" (base $path) }}
{{- $alert := include "checkpoint-storage.read" ($root.Files.Get $path) | mustFromJson }}
{{- if and (not (has $name $root.Values.monitoring.without)) (get $has ($alert.needs | default "") | default (not $alert.needs)) }}
{{- $rule := dict "alert" $name "expr" (include "checkpoint-storage.monitoring.fill" (dict "text" $alert.expr "words" $words)) }}
{{- with $alert.for }}
{{- $_ := set $rule "for" . }}
{{- end }}
{{- $_ := set $rule "labels" (merge (dict "severity" $alert.severity "namespace" $words.namespace) $root.Values.monitoring.alertLabels) }}
{{- $_ := set $rule "annotations" (dict
  "summary" (include "checkpoint-storage.monitoring.fill" (dict "text" $alert.summary "words" $words))
  "doctor" (printf "ckptctl doctor %s -n %s" $root.Release.Name $root.Release.Namespace)
  "runbook_url" (printf "%s#%s" $root.Values.monitoring.runbook (lower $name))) }}
{{- $rules = append $rules $rule }}
{{- end }}
{{- end -}}
groups:
  - name: {{ printf "checkpoint-storage.%s.%s" $words.namespace (include "checkpoint-storage.fullname" .) | quote }}
    rules: {{- toYaml $rules | nindent 6 }}
{{- end }}

{{/* Inputs: dict "text" "words". Outputs: the text with what stands for each {word}. */}}
{{- define "checkpoint-storage.monitoring.fill" -}}
{{- $text := .text | trim }}
{{- range $word, $value := .words }}
{{- $text = replace (printf "{%s}" $word) $value $text }}
{{- end }}
{{- $text }}
{{- end }}

{{/* Outputs: what the words in braces stand for, as JSON. */}}
{{- define "checkpoint-storage.monitoring.words" -}}
{{- $values := .Values }}
{{- $namespace := include "checkpoint-storage.namespace" . }}
{{- $shards := int $values.shards }}
{{- $args := dict "context" . }}
{{- if $shards }}
{{- $_ := set $args "shard" "{shard}" }}
{{- end }}
{{- $claim := include "checkpoint-storage.claimName" $args }}
{{- $matches := printf "=%q" $claim }}
{{- if $shards }}
{{- $matches = printf "=~%q" ($claim | replace "." "[.]" | replace "{shard}" "[0-9]+") }}
{{- end }}
{{- $words := dict
  "namespace" $namespace
  "claims" (printf "namespace=%q,persistentvolumeclaim%s" $namespace $matches)
  "refs" (printf "claim_namespace=%q,name%s" $namespace $matches)
  "count" (max 1 $shards | toString)
  "cronjob" (include "checkpoint-storage.freshness.name" .)
  "maxAge" $values.freshness.maxAge
  "keep" (int $values.retention.keep | toString)
  "saves" (int $values.monitoring.saves | toString)
  "window" $values.monitoring.window
}}
{{- with $values.retention.checkpointSize }}
{{- $_ := set $words "need" (printf "%.0f" (ceil (divf (include "checkpoint-storage.rules.quantity" . | float64) (max 1 $shards)))) }}
{{- $_ := set $words "size" (ternary (printf "a share of %s" .) . (gt $shards 1)) }}
{{- end }}
{{- $words | toJson }}
{{- end }}

{{/* Labels and annotations. */}}

{{/* Inputs: dict "root" "extra" (labels of one object). Outputs: labels. */}}
{{- define "checkpoint-storage.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" (include "checkpoint-storage.name" .root)
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/component" "checkpoint-storage"
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
}}
{{- range $from := list .root.Values.commonLabels .extra }}
{{- range $key, $value := $from }}
{{- $_ := set $own $key $value }}
{{- end }}
{{- end }}
{{- include "checkpoint-storage.stringMap" $own }}
{{- end }}

{{/* Inputs: dict "root" "extra" "storage" (bool: what must not be lost). Outputs: "", or an annotations block at the indentation of metadata's keys. */}}
{{- define "checkpoint-storage.annotations" -}}
{{- $all := dict }}
{{- range $from := list .root.Values.commonAnnotations .extra }}
{{- range $key, $value := $from }}
{{- $_ := set $all $key $value }}
{{- end }}
{{- end }}
{{- if .storage }}
{{- include "checkpoint-storage.protect" (dict "root" .root "annotations" $all) }}
{{- end }}
{{- with $all -}}
annotations: {{- include "checkpoint-storage.stringMap" . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
Inputs: dict "root" "annotations". Outputs: nothing; adds to the annotations what keeps the release's delivery from
deleting storage, as delivery.yaml says. Where keep is true, a list that the user writes is protected whatever gitops says:
who writes it has the controller that reads it.
*/}}
{{- define "checkpoint-storage.protect" -}}
{{- $root := .root }}
{{- $all := .annotations }}
{{- $delivery := (include "checkpoint-storage.file" (dict "context" $root "file" "rules.json") | mustFromJson).delivery }}
{{- $protection := dict }}
{{- range $by, $protects := $delivery.protects }}
{{- range $when, $annotations := $protects }}
{{- range $key, $value := $annotations }}
{{- if and (or (eq $when "always") $root.Values.keep) (or (eq $by $root.Values.gitops) (and (has $key $delivery.lists) (hasKey $all $key))) }}
{{- $_ := set $protection $key $value }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if $root.Values.keep }}
{{- $_ := set $protection "helm.sh/resource-policy" "keep" }}
{{- end }}
{{- range $key, $value := $protection }}
{{- if has $key $delivery.lists }}
{{- $items := splitList "," $value }}
{{- range splitList "," (get $all $key | toString) }}
{{- $items = append $items (trim .) }}
{{- end }}
{{- $_ := set $all $key (join "," (without $items "" | uniq)) }}
{{- else }}
{{- $_ := set $all $key (get $all $key | default $value) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Inputs: a map. Outputs: the same as YAML with every value a string, as Kubernetes requires for string maps. */}}
{{- define "checkpoint-storage.stringMap" -}}
{{- $strings := dict }}
{{- range $key, $value := . }}
{{- $_ := set $strings $key (include "checkpoint-storage.string" $value) }}
{{- end }}
{{- toYaml $strings }}
{{- end }}

{{/*
Inputs: a map as YAML. Outputs: the same as JSON, for mustFromJson. Text that is no YAML ends the rendering: Helm's own
fromYaml and fromJson go on with {"Error": why}, which would be taken for a value.
*/}}
{{- define "checkpoint-storage.read" -}}
{{- $read := fromYaml . }}
{{- if and (hasKey $read "Error") (not (hasPrefix "Error:" .)) }}
{{- fail (printf "what the chart has written is no YAML: %s\n%s" $read.Error .) }}
{{- end }}
{{- $read | toJson }}
{{- end }}

{{/* Inputs: a scalar. Outputs: it as text. A number that went through JSON is a float, and 1000000 would read 1e+06. */}}
{{- define "checkpoint-storage.string" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}
{{- int64 . }}
{{- else }}
{{- toString . }}
{{- end }}
{{- end }}

{{/* Inputs: dict "root" "ref". Outputs: a secret reference; the namespace is the release's when none is given. */}}
{{- define "checkpoint-storage.secretRef" -}}
name: {{ .ref.name | quote }}
namespace: {{ .ref.namespace | default (include "checkpoint-storage.namespace" .root) | quote }}
{{- end }}

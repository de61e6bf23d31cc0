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

{{/*
What keeps each way of delivery from pruning storage, and from putting back what Kubernetes has filled in. Helm itself
heeds its own policy, and so does Flux's controller of Helm releases.
*/}}
{{- define "checkpoint-storage.gitops" -}}
argocd:
  keep: {argocd.argoproj.io/sync-options: "Prune=false,Delete=false"}
flux:
  always: {helm.toolkit.fluxcd.io/driftDetection: disabled}
  keep: {kustomize.toolkit.fluxcd.io/prune: disabled}
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
{{- $delivery := get (include "checkpoint-storage.gitops" . | fromYaml) .root.Values.gitops | default dict }}
{{- $protection := merge (dict) ($delivery.always | default dict) }}
{{- if .root.Values.keep }}
{{- $protection = merge (dict "helm.sh/resource-policy" "keep") $protection ($delivery.keep | default dict) }}
{{- end }}
{{- range $key, $value := $protection }}
{{- $_ := set $all $key (get $all $key | default $value) }}
{{- end }}
{{- end }}
{{- with $all -}}
annotations: {{- include "checkpoint-storage.stringMap" . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Inputs: a map. Outputs: the same as YAML with every value a string, as Kubernetes wants its string maps. */}}
{{- define "checkpoint-storage.stringMap" -}}
{{- $strings := dict }}
{{- range $key, $value := . }}
{{- $_ := set $strings $key (include "checkpoint-storage.string" $value) }}
{{- end }}
{{- toYaml $strings }}
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

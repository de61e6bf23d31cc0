{{/*
What the chart's own Jobs share: prepare, and those of helm test. Each define takes dict "context" (this chart's), perhaps
"shard", "settings" (prepare or test of the values), and perhaps "component".
*/}}

{{/* Inputs: a list of maps. Outputs: one map of strings as YAML; later maps override earlier ones. */}}
{{- define "checkpoint-storage.overlay" -}}
{{- $all := dict }}
{{- range . }}
{{- range $key, $value := . }}
{{- $_ := set $all $key $value }}
{{- end }}
{{- end }}
{{- include "checkpoint-storage.stringMap" $all }}
{{- end }}

{{/* Outputs: labels of the Job. */}}
{{- define "checkpoint-storage.job.labels" -}}
{{- $own := ternary (dict "app.kubernetes.io/component" .component) dict (hasKey . "component") }}
{{- include "checkpoint-storage.labels" (dict "root" .context "extra" (include "checkpoint-storage.read" (include "checkpoint-storage.overlay" (list $own .settings.labels)) | mustFromJson)) }}
{{- end }}

{{/*
Outputs: labels of its pods: the Job's, and what the backend needs. Without the chart's version: a Job's pods cannot be
changed, and a new version is no other work.
*/}}
{{- define "checkpoint-storage.job.podLabels" -}}
{{- $job := omit (include "checkpoint-storage.read" (include "checkpoint-storage.job.labels" .) | mustFromJson) "helm.sh/chart" }}
{{- include "checkpoint-storage.overlay" (list $job (include "checkpoint-storage.read" (include "checkpoint-storage.podLabels" .) | mustFromJson) .settings.labels) }}
{{- end }}

{{/* Inputs: as above, and perhaps "hook" (annotations). Outputs: annotations of the Job; may be empty. */}}
{{- define "checkpoint-storage.job.annotations" -}}
{{- $all := include "checkpoint-storage.read" (include "checkpoint-storage.overlay" (list .context.Values.commonAnnotations .hook .settings.annotations)) | mustFromJson }}
{{- with $all }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* Outputs: annotations of its pods; may be empty. */}}
{{- define "checkpoint-storage.job.podAnnotations" -}}
{{- $all := include "checkpoint-storage.read" (include "checkpoint-storage.overlay" (list .context.Values.commonAnnotations (include "checkpoint-storage.read" (include "checkpoint-storage.podAnnotations" .) | mustFromJson) .settings.annotations)) | mustFromJson }}
{{- with $all }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/*
Inputs: as above, and "affinity": what the Job itself needs, which stands beside what the values ask for.
Outputs: the keys of a pod's spec that say how it is started, where, and as whom.
*/}}
{{- define "checkpoint-storage.job.podSpec" -}}
{{- $settings := .settings -}}
restartPolicy: Never
automountServiceAccountToken: false
enableServiceLinks: false
{{- with include "checkpoint-storage.podServiceAccountName" . }}
serviceAccountName: {{ . | quote }}
{{- end }}
{{- with include "checkpoint-storage.imagePullSecrets" . | mustFromJson }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $key := list "priorityClassName" "runtimeClassName" }}
{{- with get $settings $key }}
{{ $key }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- /* The scripts are a Unix shell's. */}}
nodeSelector: {{- include "checkpoint-storage.overlay" (list (dict "kubernetes.io/os" "linux") $settings.nodeSelector) | nindent 2 }}
{{- with $settings.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- $affinity := deepCopy ($settings.affinity | default dict) }}
{{- range $kind, $rules := .affinity }}
{{- $given := get $affinity $kind | default dict }}
{{- range $strength, $terms := $rules }}
{{- $_ := set $given $strength (concat (get $given $strength | default list) $terms) }}
{{- end }}
{{- $_ := set $affinity $kind $given }}
{{- end }}
{{- with $affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
Outputs: the security context of its pods: the user nobody (65534), unless podSecurityContext sets another. null removes a
key, for clusters that choose the user themselves.
*/}}
{{- define "checkpoint-storage.job.securityContext" -}}
{{- $security := dict "runAsUser" 65534 "runAsGroup" 65534 "seccompProfile" (dict "type" "RuntimeDefault") }}
{{- range $key, $value := include "checkpoint-storage.read" (include "checkpoint-storage.podSecurityContext" .) | mustFromJson }}
{{- if kindIs "invalid" $value }}
{{- $security = omit $security $key }}
{{- else }}
{{- $_ := set $security $key $value }}
{{- end }}
{{- end }}
{{- if not (hasKey $security "runAsNonRoot") }}
{{- $_ := set $security "runAsNonRoot" (ne (toString $security.runAsUser) "0") }}
{{- end }}
{{- toYaml $security }}
{{- end }}

{{/* Inputs: dict "context" "image" (repository, tag, perhaps digest). Outputs: what a container's image says. */}}
{{- define "checkpoint-storage.image" -}}
{{- $repository := .image.repository }}
{{- with (.context.Values.global | default dict).imageRegistry }}
{{- /* A repository that names its registry has a dot or a colon before the first slash, and stays. */}}
{{- if not (regexMatch "^([^/]*[.:][^/]*|localhost)/" $repository) }}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) $repository }}
{{- end }}
{{- end }}
{{- if .image.digest }}
{{- printf "%s@%s" $repository .image.digest }}
{{- else }}
{{- printf "%s:%s" $repository .image.tag }}
{{- end }}
{{- end }}

{{/* Outputs: the Job's pull secrets and those of all charts, as a JSON list; both may be names or {name: …}. */}}
{{- define "checkpoint-storage.imagePullSecrets" -}}
{{- $secrets := list }}
{{- range concat (.settings.imagePullSecrets | default list) ((.context.Values.global | default dict).imagePullSecrets | default list) }}
{{- $secrets = append $secrets (ternary . (dict "name" .) (kindIs "map" .)) }}
{{- end }}
{{- uniq $secrets | toJson }}
{{- end }}

{{/* Inputs: text. Outputs: the same as the value of an entry of env: there $(NAME) would be filled in, and $$ is a $. */}}
{{- define "checkpoint-storage.literal" -}}
{{- replace "$" "$$" . }}
{{- end }}

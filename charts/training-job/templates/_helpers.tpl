{{/* Outputs: the name of the workload and of what belongs to it; a rank's number and a dot still fit in a DNS label. */}}
{{- define "training-job.name" -}}
{{- printf "%s-train" (.Release.Name | trunc 46 | trimSuffix "-") }}
{{- end }}

{{/* Outputs: the labels by which the Service finds the workers. */}}
{{- define "training-job.selector" -}}
app.kubernetes.io/name: training-job
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Outputs: the labels of every object. */}}
{{- define "training-job.labels" -}}
{{ include "training-job.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end }}

{{/* Outputs: "true" when a store has one claim per rank, so that no two workers can share a pod template. */}}
{{- define "training-job.perRank" -}}
{{- range $_, $store := .Subcharts }}
{{- with int $store.Values.shards }}
{{- if ne . (int $.Values.workers) }}
{{- fail (printf "\n\n%s %q: there are %d workers and %d shards.\n  Fix: set workers and shards to the same number: every rank has a volume of its own\n" $.Chart.Name $.Release.Name (int $.Values.workers) .) }}
{{- end }}
{{- "true" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Outputs: what a worker is told, as entries of env. Who it is, and where the others meet, is for the workload to say. */}}
{{- define "training-job.settings" -}}
{{- with .Values.training -}}
- {name: STEPS, value: {{ .steps | int | quote }}}
- {name: SAVE_EVERY, value: {{ .saveEvery | int | quote }}}
- {name: FAST_TIER_SAVE_EVERY, value: {{ .fastTierSaveEvery | int | quote }}}
- {name: KEEP_LAST, value: {{ .keepLast | int | quote }}}
- {name: MILESTONE_EVERY, value: {{ .milestoneEvery | int | quote }}}
- {name: PEER_TIMEOUT, value: {{ .peerTimeoutSeconds | int | quote }}}
{{- end }}
{{- end }}

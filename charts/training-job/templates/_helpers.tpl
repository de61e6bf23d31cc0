{{/*
Outputs: the name of the workload and of what belongs to it. What operators make of it, such as <name>-worker-4095-0-0 and
five letters more, still fits into a DNS label; a name that is cut ends in a hash of the whole.
*/}}
{{- define "training-job.name" -}}
{{- $release := .Release.Name | replace "." "-" }}
{{- if gt (len $release) 34 }}
{{- $release = printf "%s-%s" ($release | trunc 25 | trimSuffix "-") (.Release.Name | sha256sum | trunc 8) }}
{{- end }}
{{- printf "%s-train" $release }}
{{- end }}

{{/* Outputs: the labels by which the Service finds the workers. */}}
{{- define "training-job.selector" -}}
app.kubernetes.io/name: training-job
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Outputs: the same for kubectl. */}}
{{- define "training-job.pods" -}}
app.kubernetes.io/instance={{ .Release.Name }},app.kubernetes.io/name=training-job
{{- end }}

{{/* Outputs: the labels of every object. */}}
{{- define "training-job.labels" -}}
{{ include "training-job.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end }}

{{/*
Outputs: the metadata of a workload: with the values' labels and annotations, where Kueue looks for a queue. Inputs: a chart
context, or dict "root" "name" for a workload of several objects.
*/}}
{{- define "training-job.workloadMetadata" -}}
{{- $root := .root | default . -}}
name: {{ .name | default (include "training-job.name" $root) | quote }}
labels: {{- include "training-job.overlay" (list $root.Values.labels (include "training-job.read" (include "training-job.labels" $root) | mustFromJson)) | nindent 2 }}
{{- with $root.Values.annotations }}
annotations: {{- include "training-job.overlay" (list .) | nindent 2 }}
{{- end }}
{{- end }}

{{/* Inputs: dict "root" "keys" "why". Outputs: nothing; ends the rendering where one of the keys is set, which the workload cannot heed. */}}
{{- define "training-job.unheeded" -}}
{{- range $key := .keys }}
{{- if get $.root.Values $key }}
{{- include "training-job.refuse" (dict "root" $.root "message" (printf "%s is set, and %s." $key $.why) "fix" (printf "leave %s out" $key)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Inputs: dict "root" "message" "fix". Outputs: nothing; ends the rendering. */}}
{{- define "training-job.refuse" -}}
{{- fail (printf "\n\n%s %q: %s\n  Fix: %s\n" .root.Chart.Name .root.Release.Name .message .fix) }}
{{- end }}

{{/* What no schema sees. */}}
{{- define "training-job.check" -}}
{{- $root := . }}
{{- if not (or .Subcharts.checkpoints .Values.command) }}
{{- include "training-job.refuse" (dict "root" . "message" "checkpoints.enabled is false, and files/train.py has nowhere to save." "fix" "set checkpoints.enabled: true, with provisioning: existing for a claim that is there; or set your own command") }}
{{- end }}
{{- range $alias, $store := .Subcharts }}
{{- if eq $store.Values.volumeMode "Block" }}
{{- include "training-job.refuse" (dict "root" $root "message" (printf "%s is a raw device, and the workers save files." $alias) "fix" (printf "set %s.volumeMode: Filesystem" $alias)) }}
{{- end }}
{{- /* The user's own command may only read. */}}
{{- if not $root.Values.command }}
{{- $said := include "checkpoint-storage.readOnly.said" (dict "root" $store "section" (include "checkpoint-storage.section" $store | mustFromJson)) | mustFromJson }}
{{- with $said.instead }}
{{- include "training-job.refuse" (dict "root" $root "message" (printf "pods only read %s (%s), and files/train.py saves there." $alias (join ", " $said.by)) "fix" (printf "set, under %s, %s; or set your own command that only reads" $alias (join ", " .))) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Outputs: "true" when a store has one claim per rank, so that no two workers can share a pod template. */}}
{{- define "training-job.perRank" -}}
{{- $perRank := "" }}
{{- range $_, $store := .Subcharts }}
{{- with int $store.Values.shards }}
{{- if ne . (int $.Values.workers) }}
{{- include "training-job.refuse" (dict "root" $ "message" (printf "there are %d workers and %d shards." (int $.Values.workers) .) "fix" "set workers and shards to the same number: every rank has its own volume") }}
{{- end }}
{{- $perRank = "true" }}
{{- end }}
{{- end }}
{{- $perRank }}
{{- end }}

{{/* Inputs: dict "root" "why". Outputs: nothing; fails if ranks have their own claims. */}}
{{- define "training-job.sameForAll" -}}
{{- range $alias, $store := .root.Subcharts }}
{{- if $store.Values.shards }}
{{- include "training-job.refuse" (dict "root" $.root "message" (printf "%s has a claim for each rank (shards), and %s: workload %s cannot mount them." $alias $.why $.root.Values.workload) "fix" (printf "set workload to job, jobset or statefulSet; or %s.shards: 0, on storage that many nodes write" $alias)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Outputs: the command of a worker, as a JSON list. */}}
{{- define "training-job.command" -}}
{{- .Values.command | default (list "python3" "/training/launch.py" "/training/train.py") | toJson }}
{{- end }}

{{/* Outputs: the settings of a worker, as entries of env. The workload adds its number and where the workers meet. */}}
{{- define "training-job.settings" -}}
{{- with .Values.training -}}
- {name: STEPS, value: {{ .steps | int | quote }}}
- {name: SAVE_EVERY, value: {{ .saveEvery | int | quote }}}
- {name: FAST_TIER_SAVE_EVERY, value: {{ .fastTierSaveEvery | int | quote }}}
- {name: KEEP_LAST, value: {{ .keepLast | int | quote }}}
- {name: MILESTONE_EVERY, value: {{ .milestoneEvery | int | quote }}}
- {name: PARALLEL, value: {{ .parallel | quote }}}
- {name: PEER_TIMEOUT, value: {{ .peerTimeoutSeconds | int | quote }}}
- {name: JOIN_TIMEOUT, value: {{ .joinTimeoutSeconds | int | quote }}}
# Whose workers they are: the address of a pod that is gone is soon that of another, which may be another training's.
- {name: PET_RDZV_ID, value: {{ printf "%s.%s" (include "training-job.name" $) $.Release.Namespace | quote }}}
- {name: PET_MAX_RESTARTS, value: {{ .maxRestarts | int | quote }}}
{{- if .startFresh }}
- {name: START_FRESH, value: "1"}
{{- end }}
{{- end }}
{{- with .Subcharts.checkpoints }}
{{- if .Values.shards }}
- {name: CHECKPOINT_DIR_PER_RANK, value: "1"}
{{- end }}
{{- end }}
# How long torchrun lets the ranks save; a moment is left to end in.
- {name: TORCH_ELASTIC_SHUTDOWN_TIMEOUT, value: {{ max 1 (sub (int .Values.terminationGracePeriodSeconds) 5) | quote }}}
{{- end }}

{{/*
Outputs: how many workers meet, and where, as entries of env, for workloads whose operator does not say. Inputs: dict "root"
"first", the name of the worker that keeps the meeting.
*/}}
{{- define "training-job.meeting" -}}
- {name: WORLD_SIZE, value: {{ .root.Values.workers | int | quote }}}
- {name: PET_NNODES, value: {{ .root.Values.workers | int | quote }}}
- {name: PET_NPROC_PER_NODE, value: {{ .root.Values.processesPerWorker | int | quote }}}
- {name: MASTER_ADDR, value: {{ .first | quote }}}
- {name: MASTER_PORT, value: "29500"}
{{- end }}

{{/*
Inputs: a map as YAML. Outputs: the same as JSON, for mustFromJson. Text that is no YAML ends the rendering: Helm's own
fromYaml goes on with {"Error": why}, which would be taken for a value.
*/}}
{{- define "training-job.read" -}}
{{- $read := fromYaml . }}
{{- if and (hasKey $read "Error") (not (hasPrefix "Error:" .)) }}
{{- fail (printf "what the chart has written is no YAML: %s\n%s" $read.Error .) }}
{{- end }}
{{- $read | toJson }}
{{- end }}

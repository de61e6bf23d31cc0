{{/*
A plain Indexed Job: one pod per rank, each reached by a name of its own. Where every rank has a volume of its own there
is a Job for each, because the pods of one Job all mount the same claims.
*/}}
{{- define "training-job.workload.job" -}}
{{- if include "training-job.perRank" . }}
{{- range $rank := until (int .Values.workers) }}
---
{{ include "training-job.job" (dict "root" $ "rank" $rank) }}
{{- end }}
{{- else }}
{{ include "training-job.job" (dict "root" .) }}
{{- end }}
{{- end }}

{{/* Inputs: dict "root", and "rank" for the Job of one rank. Outputs: a Job. */}}
{{- define "training-job.job" -}}
{{- $one := hasKey . "rank" }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "training-job.name" .root }}{{ if $one }}-{{ .rank }}{{ end }}
  labels: {{- include "training-job.labels" .root | nindent 4 }}
spec:
  {{- if $one }}
  backoffLimit: {{ .root.Values.backoffLimitPerWorker | int }}
  {{- else }}
  completionMode: Indexed
  completions: {{ .root.Values.workers | int }}
  parallelism: {{ .root.Values.workers | int }}
  backoffLimitPerIndex: {{ .root.Values.backoffLimitPerWorker | int }}
  {{- end }}
  # A rank is replaced when its pod has ended, never while it may still be saving.
  podReplacementPolicy: Failed
  podFailurePolicy:
    rules:
      # A drained node, a preemption, a spot machine that was taken back: no fault of the worker's.
      - action: Ignore
        onPodConditions: [{type: DisruptionTarget}]
      # It was told to stop, and saved.
      - action: Ignore
        onExitCodes: {containerName: worker, operator: In, values: [143]}
  template: {{- include "training-job.pod" (merge (dict "env" (include "training-job.job.env" .)) .) | nindent 4 }}
{{- end }}

{{- define "training-job.job.env" -}}
- name: RANK
  {{- if hasKey . "rank" }}
  value: {{ .rank | quote }}
  {{- else }}
  valueFrom: {fieldRef: {fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
  {{- end }}
- {name: WORLD_SIZE, value: {{ .root.Values.workers | int | quote }}}
- {name: MASTER_ADDR, value: {{ printf "%s-0.%s" (include "training-job.name" .root) (include "training-job.name" .root) | quote }}}
- {name: MASTER_PORT, value: "29500"}
{{- end }}

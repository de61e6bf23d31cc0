{{/*
What a Job of workers says, by itself or in a JobSet.

Inputs: what training-job.pod takes, and "completions", the number of workers of an Indexed Job; left out, it is one
worker's own. Outputs: the spec of a Job.
*/}}
{{- define "training-job.jobSpec" -}}
{{- $limit := .root.Values.backoffLimitPerWorker | int }}
{{- with .completions -}}
completionMode: Indexed
completions: {{ . }}
parallelism: {{ . }}
backoffLimitPerIndex: {{ $limit }}
# A worker that cannot go on ends them all: the others would hold their nodes and wait.
maxFailedIndexes: 0
{{- else -}}
backoffLimit: {{ $limit }}
{{- end }}
# A rank is replaced when its pod has ended, never while it may still be saving.
podReplacementPolicy: Failed
podFailurePolicy:
  rules:
    # A drained node, a preemption, a spot machine that was taken back: no fault of the worker's.
    - action: Ignore
      onPodConditions: [{type: DisruptionTarget}]
    # It was terminated, and saved.
    - action: Ignore
      onExitCodes: {containerName: worker, operator: In, values: [143]}
    # The others did not come in time, as when the Job of another rank has failed.
    - action: FailJob
      onExitCodes: {containerName: worker, operator: In, values: [75]}
template: {{- include "training-job.pod" . | nindent 2 }}
{{- end }}

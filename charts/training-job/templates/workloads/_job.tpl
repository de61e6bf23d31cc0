{{/*
A plain Indexed Job: one pod per rank, each with its own DNS name. If every rank has its own volume there
is a Job for each, because the pods of one Job all mount the same claims.
*/}}
{{- define "training-job.workload.job" -}}
{{ include "training-job.service" . }}
{{- if include "training-job.perRank" . }}
{{- range $rank := until (int .Values.workers) }}
---
{{ include "training-job.job" (dict "root" $ "rank" $rank) }}
{{- end }}
{{- else }}
---
{{ include "training-job.job" (dict "root" . "completions" (int .Values.workers)) }}
{{- end }}
{{- end }}

{{/* Inputs: dict "root", and "rank" for the Job of one rank or "completions" for that of all. Outputs: a Job. */}}
{{- define "training-job.job" -}}
{{- $name := include "training-job.name" .root }}
{{- $pod := dict "env" (include "training-job.job.env" .) "subdomain" $name }}
{{- if hasKey . "rank" }}
{{- $_ := set $pod "hostname" (printf "%s-%d" $name (int .rank)) }}
{{- end -}}
apiVersion: batch/v1
kind: Job
metadata: {{- include "training-job.workloadMetadata" (dict "root" .root "name" (ternary (printf "%s-%v" $name .rank) $name (hasKey . "rank"))) | nindent 2 }}
spec: {{- include "training-job.jobSpec" (merge $pod .) | nindent 2 }}
  {{- with .root.Values.ttlSecondsAfterFinished }}
  ttlSecondsAfterFinished: {{ int . }}
  {{- end }}
{{- end }}

{{- define "training-job.job.env" -}}
- name: RANK
  {{- if hasKey . "rank" }}
  value: {{ .rank | quote }}
  {{- else }}
  valueFrom: {fieldRef: {fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
  {{- end }}
{{ include "training-job.meeting" (dict "root" .root "first" (printf "%s-0.%s" (include "training-job.name" .root) (include "training-job.name" .root))) }}
{{- end }}

{{- define "training-job.notes.job" -}}
Kill a worker and it resumes from the newest checkpoint:
  kubectl -n {{ .Release.Namespace }} delete pod -l {{ ternary (printf "batch.kubernetes.io/job-name=%s-1" (include "training-job.name" .)) (printf "%s,batch.kubernetes.io/job-completion-index=1" (include "training-job.pods" .)) (eq (include "training-job.perRank" .) "true") }} --grace-period=1

A Job cannot be changed while it is there. To change the training, uninstall and install again: the claim stays, and the
training resumes from what it saved.
{{- end }}

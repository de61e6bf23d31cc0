{{/*
A JobSet (jobset.x-k8s.io): one Job of all workers, for which JobSet makes the Service. Where every rank has a volume of
its own there is a replicated Job for each, because the pods of one all mount the same claims.

JobSet can make claims too (volumeClaimPolicies), and deletes them with the JobSet by default: leave them out,
and let the store keep what was saved.
*/}}
{{- define "training-job.workload.jobset" -}}
{{- $root := . -}}
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {{- include "training-job.workloadMetadata" . | nindent 2 }}
spec:
  {{- with .Values.ttlSecondsAfterFinished }}
  ttlSecondsAfterFinished: {{ int . }}
  {{- end }}
  network:
    enableDNSHostnames: true
    publishNotReadyAddresses: true
  replicatedJobs:
    {{- if include "training-job.perRank" . }}
    {{- range $rank := until (int .Values.workers) }}
    - name: worker-{{ $rank }}
      replicas: 1
      template:
        spec: {{- include "training-job.jobSpec" (dict "root" $root "rank" $rank "completions" 1 "env" (include "training-job.jobset.env" (dict "root" $root "rank" $rank))) | nindent 10 }}
    {{- end }}
    {{- else }}
    - name: worker
      replicas: 1
      template:
        spec: {{- include "training-job.jobSpec" (dict "root" . "completions" (int .Values.workers) "env" (include "training-job.jobset.env" (dict "root" .))) | nindent 10 }}
    {{- end }}
{{- end }}

{{/* A pod is reached as <JobSet>-<replicated Job>-<Job>-<pod>.<JobSet>. */}}
{{- define "training-job.jobset.env" -}}
{{- $name := include "training-job.name" .root -}}
- name: RANK
  {{- if hasKey . "rank" }}
  value: {{ .rank | quote }}
  {{- else }}
  valueFrom: {fieldRef: {fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
  {{- end }}
{{ include "training-job.meeting" (dict "root" .root "first" (printf "%s-worker%s-0-0.%s" $name (ternary "-0" "" (hasKey . "rank")) $name)) }}
{{- end }}

{{- define "training-job.notes.jobset" -}}
How far it is:
  kubectl -n {{ .Release.Namespace }} get jobset {{ include "training-job.name" . }}

A JobSet cannot be changed while it is there. To change the training, uninstall and install again: the claim stays, and
the training resumes from what it saved.
{{- end }}

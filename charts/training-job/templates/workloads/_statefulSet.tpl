{{/*
A StatefulSet: its pods keep their names and, if every rank has its own volume, their claims. What would be made
from volumeClaimTemplates is there already: the store's claims, by the names that the StatefulSet looks for. They are the
store's, so they stay when the StatefulSet goes, and the StatefulSet makes none.

A StatefulSet starts what has ended again, so files/train.py stays running when it is done.
*/}}
{{- define "training-job.workload.statefulSet" -}}
{{- include "training-job.unheeded" (dict "root" . "keys" (list "ttlSecondsAfterFinished") "why" "a StatefulSet never ends") }}
{{- $root := . }}
{{- $name := include "training-job.name" . }}
{{- $perRank := include "training-job.perRank" . -}}
{{ include "training-job.service" . }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{- include "training-job.workloadMetadata" . | nindent 2 }}
spec:
  serviceName: {{ $name | quote }}
  replicas: {{ .Values.workers | int }}
  # All at once: they wait for each other.
  podManagementPolicy: Parallel
  selector:
    matchLabels: {{- include "training-job.selector" . | nindent 6 }}
  template: {{- include "training-job.pod" (dict "root" . "env" (include "training-job.statefulSet.env" .) "restartPolicy" "Always" "claimTemplates" true) | nindent 4 }}
  {{- if $perRank }}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
  volumeClaimTemplates:
    {{- range $alias, $store := .Subcharts }}
    {{- if $store.Values.shards }}
    - {{- include "checkpoint-storage.volumeClaimTemplate" (dict "context" $store "statefulSet" $name) | nindent 6 }}
    {{- end }}
    {{- end }}
  {{- end }}
{{- end }}

{{- define "training-job.statefulSet.env" -}}
- name: RANK
  valueFrom: {fieldRef: {fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']"}}
{{ include "training-job.meeting" (dict "root" . "first" (printf "%s-0.%s" (include "training-job.name" .) (include "training-job.name" .))) }}
- {name: STAY_WHEN_DONE, value: "1"}
{{- end }}

{{- define "training-job.notes.statefulSet" -}}
Kill a worker and it resumes from the newest checkpoint, on its own claim where it has one:
  kubectl -n {{ .Release.Namespace }} delete pod {{ include "training-job.name" . }}-1 --grace-period=1

When the training is done the workers stay, idle, until the release is uninstalled.
{{- end }}

{{/*
The Jobs of `helm test`. Helm runs one hook after the other and waits for each to finish, so two pods that talk to each
other are the two indexes of one Job. What they run is in a ConfigMap: a thousand shards then share one text.
*/}}

{{/*
Inputs: a chart context, or dict "context" "shard". Outputs: how the pods of a test meet: spread, together (on one node),
after (one another), or alone (one pod, reading).
*/}}
{{- define "checkpoint-storage.test.meeting" -}}
{{- $values := (.context | default .).Values }}
{{- if or (eq $values.volumeMode "Block") (include "checkpoint-storage.readOnly" .) -}}
alone
{{- else if has "ReadWriteMany" $values.accessModes -}}
spread
{{- else if has "ReadWriteOnce" $values.accessModes -}}
together
{{- else -}}
after
{{- end }}
{{- end }}

{{/* Outputs: the name of the ConfigMap with the scripts. */}}
{{- define "checkpoint-storage.test.scripts" -}}
{{- include "checkpoint-storage.cut" (dict "name" (include "checkpoint-storage.fullname" .) "suffix" "-test" "room" 40) }}
{{- end }}

{{/* Inputs: dict "context" "weight". Outputs: the annotations of a hook, and those that the values ask for. */}}
{{- define "checkpoint-storage.test.hook" -}}
{{- /* A finished pod still holds its claim, so none is left behind; and so Helm prints what the pods say before they are
     gone, without being asked. */}}
{{- $hook := dict
  "helm.sh/hook" "test"
  "helm.sh/hook-weight" .weight
  "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded"
  "helm.sh/hook-output-log-policy" "hook-succeeded,hook-failed"
}}
{{- include "checkpoint-storage.job.annotations" (dict "context" .context "settings" .context.Values.test "hook" $hook) }}
{{- end }}

{{/*
Inputs: dict "context", perhaps "shard", and "what" (test or benchmark), "script" (of pods that write), "run" (test or benchmark
of the values), "env" (name: value). Outputs: a Job. Where its pods run, and what they are called, is for test to say.
*/}}
{{- define "checkpoint-storage.test.job" -}}
{{- $root := .context }}
{{- $values := $root.Values }}
{{- $args := merge (dict "settings" $values.test) . }}
{{- $meeting := include "checkpoint-storage.test.meeting" $args }}
{{- /* The pods of an indexed Job have host names, which are DNS labels. */}}
{{- $name := include "checkpoint-storage.cut" (dict "name" (include "checkpoint-storage.fullname" $root) "suffix" (printf "%s-%s" (include "checkpoint-storage.suffix" $args) .what) "room" 40 "undotted" true) }}
{{- $pods := ternary 1 2 (eq $meeting "alone") }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $name | quote }}
  namespace: {{ include "checkpoint-storage.namespace" $root | quote }}
  labels: {{- include "checkpoint-storage.job.labels" $args | nindent 4 }}
  annotations: {{- include "checkpoint-storage.test.hook" (dict "context" $root "weight" (ternary 1 2 (eq .what "test"))) | nindent 4 }}
spec:
  completionMode: Indexed
  completions: {{ $pods }}
  parallelism: {{ ternary 1 $pods (eq $meeting "after") }}
  {{- /* Of two that run at a time, one that fails must not have the Job delete the other: where Helm cannot have the log
       of one pod, it prints that of none. */}}
  {{ ternary "backoffLimitPerIndex" "backoffLimit" (has $meeting (list "spread" "together")) }}: 0
  {{- /* A pod ends itself in time, and its log stays; this is for one that never starts. */}}
  activeDeadlineSeconds: {{ add .run.timeoutSeconds 30 }}
  {{- if not (kindIs "invalid" $values.test.ttlSecondsAfterFinished) }}
  ttlSecondsAfterFinished: {{ int $values.test.ttlSecondsAfterFinished }}
  {{- end }}
  template:
    metadata:
      labels: {{- include "checkpoint-storage.job.podLabels" $args | nindent 8 }}
      {{- with include "checkpoint-storage.job.podAnnotations" $args }}
      annotations: {{- . | nindent 8 }}
      {{- end }}
    {{- $script := .script }}
    {{- if eq $meeting "alone" }}
    {{- $script = ternary "device.sh" "reader.sh" (eq $values.volumeMode "Block") }}
    {{- end }}
    spec: {{- include "checkpoint-storage.test.podSpec" (merge (dict "job" $name "meeting" $meeting "script" $script) $args) | trim | nindent 6 }}
{{- end }}

{{/* Inputs: those of checkpoint-storage.test.job, "settings", "job" and "meeting". Outputs: the spec of its pods. */}}
{{- define "checkpoint-storage.test.podSpec" -}}
{{- $args := . }}
{{- $root := .context }}
{{- $values := $root.Values }}
{{- $beside := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (dict "job-name" .job)) }}
{{- $affinity := dict }}
{{- if eq .meeting "spread" }}
{{- /* Preferred, so that the test also passes on a cluster of one node, and says so. */}}
{{- $affinity = dict "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list (dict "weight" 100 "podAffinityTerm" $beside))) }}
{{- else if eq .meeting "together" }}
{{- /* Only one node can have the volume. */}}
{{- $affinity = dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $beside)) }}
{{- end }}
activeDeadlineSeconds: {{ .run.timeoutSeconds | int }}
{{ include "checkpoint-storage.job.podSpec" (merge (dict "affinity" $affinity) .) }}
securityContext: {{- include "checkpoint-storage.job.securityContext" . | nindent 2 }}
containers:
  - name: {{ .what }}
    image: {{ include "checkpoint-storage.image" (dict "context" $root "image" .run.image) | quote }}
    imagePullPolicy: {{ .run.image.pullPolicy }}
    command: [sh, {{ printf "/helm-test/%s" .script | quote }}]
    env:
      {{- include "checkpoint-storage.env" $args | nindent 6 }}
      - {name: CLAIM, value: {{ printf "%s/%s" (include "checkpoint-storage.namespace" $root) (include "checkpoint-storage.claimName" $args) | quote }}}
      - {name: MEETING, value: {{ .meeting }}}
      - {name: PATIENCE, value: {{ .run.timeoutSeconds | int | quote }}}
      {{- /* Both pods of a run know it, and no other run has it. */}}
      - {name: RUN, valueFrom: {fieldRef: {fieldPath: "metadata.labels['batch.kubernetes.io/controller-uid']"}}}
      - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
      {{- with include "checkpoint-storage.readOnly" $args }}
      - {name: READ_ONLY, value: {{ . | quote }}}
      {{- end }}
      {{- range $key, $value := .env }}
      - {name: {{ $key }}, value: {{ include "checkpoint-storage.literal" (toString $value) | toJson }}}
      {{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    {{- with .run.resources }}
    resources: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if eq $values.volumeMode "Block" }}
    volumeDevices: {{- include "checkpoint-storage.volumeDevice" $args | nindent 6 }}
    volumeMounts:
    {{- else }}
    volumeMounts: {{- include "checkpoint-storage.volumeMount" $args | nindent 6 }}
    {{- end }}
      - {name: scripts, mountPath: /helm-test}
volumes: {{- include "checkpoint-storage.volume" $args | nindent 2 }}
  - name: scripts
    configMap: {name: {{ include "checkpoint-storage.test.scripts" $root | quote }}}
{{- end }}

{{/*
The Job that makes one directory on the claim. An ordinary object rather than a hook: `helm install --wait`, and Argo CD
before it runs hooks, wait for the claim to be bound, and with WaitForFirstConsumer this Job's pod is the first. Its name
ends in a hash of its settings, because a Job is immutable: other values create another Job. It stays when it has
completed, or a GitOps controller would recreate it.
*/}}

{{/* Inputs: dict "context" and perhaps "shard". Outputs: a Job. */}}
{{- define "checkpoint-storage.prepare" -}}
{{- $root := .context }}
{{- $in := merge (dict "settings" $root.Values.prepare "component" "prepare") . }}
{{- $pod := include "checkpoint-storage.prepare.pod" $in | trim }}
---
apiVersion: batch/v1
kind: Job
metadata:
  {{- /* A Job's name becomes a label of its pods, so it has at most 63 characters. */}}
  name: {{ include "checkpoint-storage.cut" (dict "name" (include "checkpoint-storage.fullname" $root) "suffix" (printf "-prepare-%s%s" ($pod | sha256sum | trunc 8) (include "checkpoint-storage.suffix" .)) "room" 38) | quote }}
  namespace: {{ include "checkpoint-storage.namespace" $root | quote }}
  labels: {{- include "checkpoint-storage.job.labels" $in | nindent 4 }}
  {{- with include "checkpoint-storage.job.annotations" $in }}
  annotations: {{- . | nindent 4 }}
  {{- end }}
spec:
  backoffLimit: 3
  {{- if not (kindIs "invalid" $root.Values.prepare.ttlSecondsAfterFinished) }}
  ttlSecondsAfterFinished: {{ int $root.Values.prepare.ttlSecondsAfterFinished }}
  {{- end }}
  template: {{- $pod | nindent 4 }}
{{- end }}

{{/* Inputs: as above, and "settings". Outputs: the pod's metadata and spec. */}}
{{- define "checkpoint-storage.prepare.pod" -}}
{{- $root := .context }}
{{- $prepare := $root.Values.prepare }}
{{- $owned := include "checkpoint-storage.prepare.asRoot" $root }}
metadata:
  labels: {{- include "checkpoint-storage.job.podLabels" . | nindent 4 }}
  {{- with include "checkpoint-storage.job.podAnnotations" . }}
  annotations: {{- . | nindent 4 }}
  {{- end }}
spec: {{- include "checkpoint-storage.job.podSpec" . | nindent 2 }}
  {{- $security := include "checkpoint-storage.read" (include "checkpoint-storage.job.securityContext" .) | mustFromJson }}
  {{- if $owned }}
  {{- /* Without fsGroup, for which the kubelet would change every file on the claim. */}}
  {{- $security = omit $security "fsGroup" "fsGroupChangePolicy" "supplementalGroups" }}
  {{- $_ := set $security "runAsNonRoot" false }}
  {{- $_ := set $security "runAsUser" 0 }}
  {{- $_ := set $security "runAsGroup" 0 }}
  {{- end }}
  securityContext: {{- toYaml $security | nindent 4 }}
  containers:
    - name: prepare
      image: {{ include "checkpoint-storage.image" (dict "context" $root "image" $prepare.image) | quote }}
      imagePullPolicy: {{ $prepare.image.pullPolicy }}
      command: [sh, -c]
      args:
        - |
          {{- $root.Files.Get "files/prepare/prepare.sh" | trim | nindent 10 }}
      {{- /* The script is the same whatever the values are: they reach it as text, not as shell. */}}
      env:
        - {name: MOUNT, value: {{ include "checkpoint-storage.literal" $root.Values.mountPath | toJson }}}
        - {name: DIRECTORY, value: {{ include "checkpoint-storage.literal" $prepare.directory | toJson }}}
        - {name: MODE, value: {{ $prepare.mode | toJson }}}
        - {name: OWNER, value: {{ include "checkpoint-storage.prepare.id" $prepare.owner | toJson }}}
        - {name: GROUP, value: {{ include "checkpoint-storage.prepare.id" $prepare.group | toJson }}}
        - {name: TAKE_OVER, value: {{ $prepare.takeOver | toString | toJson }}}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
          {{- if $owned }}
          # To change the directory's owner (CHOWN), in a root of another user (DAC_OVERRIDE), and to set the mode of a
          # directory of another user (FOWNER, FSETID).
          add: [CHOWN, DAC_OVERRIDE, FOWNER, FSETID]
          {{- end }}
      {{- with $prepare.resources }}
      resources: {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts: {{- include "checkpoint-storage.volumeMount" . | nindent 8 }}
  volumes: {{- include "checkpoint-storage.volume" . | nindent 4 }}
{{- end }}

{{/* Inputs: a chart context. Outputs: "true" where the directory is to be given away, which takes root. */}}
{{- define "checkpoint-storage.prepare.asRoot" -}}
{{- if not (and (kindIs "invalid" .Values.prepare.owner) (kindIs "invalid" .Values.prepare.group)) }}true{{ end }}
{{- end }}

{{/* Inputs: a user or group id, or null. Outputs: it in digits, or nothing. */}}
{{- define "checkpoint-storage.prepare.id" -}}
{{- if not (kindIs "invalid" .) }}{{ int64 . }}{{ end }}
{{- end }}

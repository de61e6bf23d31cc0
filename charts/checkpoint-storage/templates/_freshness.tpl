{{/*
A CronJob that looks for the newest checkpoint that a framework has published, and fails when it is too old. What published
means is the framework's data: patterns of paths in frameworks.json.
*/}}

{{/* Outputs: the CronJob's name; Kubernetes leaves room for the time that it appends. */}}
{{- define "checkpoint-storage.freshness.name" -}}
{{- include "checkpoint-storage.cut" (dict "name" (include "checkpoint-storage.fullname" .) "suffix" "-freshness" "room" 42 "undotted" true) }}
{{- end }}

{{/* Inputs: a time such as 90m. Outputs: it in seconds. */}}
{{- define "checkpoint-storage.seconds" -}}
{{- mul (regexFind "^[0-9]+" . | int64) (get (dict "m" 60 "h" 3600 "d" 86400) (regexFind "[mhd]$" .)) }}
{{- end }}

{{/* Inputs: a chart context. Outputs: a CronJob. */}}
{{- define "checkpoint-storage.freshness" -}}
{{- $root := . }}
{{- $freshness := .Values.freshness }}
{{- $in := dict "context" . "component" "freshness" "settings" (set (deepCopy .Values.test) "affinity" ($freshness.affinity | default .Values.test.affinity)) -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ include "checkpoint-storage.freshness.name" . | quote }}
  namespace: {{ include "checkpoint-storage.namespace" . | quote }}
  labels: {{- include "checkpoint-storage.job.labels" $in | nindent 4 }}
  {{- with include "checkpoint-storage.job.annotations" $in }}
  annotations: {{- . | nindent 4 }}
  {{- end }}
spec:
  schedule: {{ $freshness.schedule | quote }}
  concurrencyPolicy: Forbid
  {{- /* What was missed longer ago, as while the cluster was down, is not made up for. */}}
  startingDeadlineSeconds: 300
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 1
  jobTemplate:
    metadata:
      labels: {{- include "checkpoint-storage.job.labels" $in | nindent 8 }}
    spec:
      backoffLimit: 0
      {{- /* A pod that cannot mount the claim, or has no node, is a checkpoint that was not found. */}}
      activeDeadlineSeconds: {{ int $freshness.timeoutSeconds }}
      template:
        metadata:
          labels: {{- include "checkpoint-storage.job.podLabels" $in | nindent 12 }}
          {{- with include "checkpoint-storage.job.podAnnotations" $in }}
          annotations: {{- . | nindent 12 }}
          {{- end }}
        spec: {{- include "checkpoint-storage.job.podSpec" $in | nindent 10 }}
          {{- /* With fsGroup the kubelet changes the claim's files; a supplemental group reads them all the same. */}}
          {{- $security := include "checkpoint-storage.read" (include "checkpoint-storage.job.securityContext" $in) | mustFromJson }}
          {{- with $security.fsGroup }}
          {{- $_ := set $security "supplementalGroups" (append ($security.supplementalGroups | default list) . | uniq) }}
          {{- end }}
          securityContext: {{- omit $security "fsGroup" "fsGroupChangePolicy" | toYaml | nindent 12 }}
          containers:
            - name: freshness
              image: {{ include "checkpoint-storage.image" (dict "context" $root "image" .Values.test.image) | quote }}
              imagePullPolicy: {{ .Values.test.image.pullPolicy }}
              command: [sh, -c]
              args:
                - |
                  {{- $root.Files.Get "files/freshness/freshness.sh" | trim | nindent 18 }}
              env:
                - {name: DIRECTORY, value: {{ include "checkpoint-storage.directory" . | include "checkpoint-storage.literal" | toJson }}}
                - {name: MAX_AGE, value: {{ include "checkpoint-storage.seconds" $freshness.maxAge | toJson }}}
                {{- $published := list }}
                {{- $catalog := include "checkpoint-storage.file" (dict "context" . "file" "frameworks.json") | mustFromJson }}
                {{- range sortAlpha .Values.frameworks }}
                {{- $published = concat $published (get $catalog.frameworks .).published }}
                {{- end }}
                - {name: PUBLISHED, value: {{ uniq $published | join " " | toJson }}}
              terminationMessagePolicy: FallbackToLogsOnError
              securityContext:
                allowPrivilegeEscalation: false
                readOnlyRootFilesystem: true
                capabilities:
                  drop: [ALL]
              {{- with .Values.test.resources }}
              resources: {{- toYaml . | nindent 16 }}
              {{- end }}
              {{- /* Read-only in the container alone: a claim that the pod itself asks for read-only has some drivers mount the
              node's file system so, under the trainer that writes to it. */}}
              volumeMounts:
                - name: {{ include "checkpoint-storage.podVolumeName" . | quote }}
                  mountPath: {{ .Values.mountPath | quote }}
                  readOnly: true
          volumes: {{- include "checkpoint-storage.volume" . | nindent 12 }}
{{- end }}

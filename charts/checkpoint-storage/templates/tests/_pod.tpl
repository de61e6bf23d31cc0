{{/* Inputs: dict "context" "step" "weight" and perhaps "shard". Outputs: a pod of `helm test`. */}}
{{- define "checkpoint-storage.test.pod" -}}
{{- $args := . }}
{{- $root := .context }}
{{- $values := $root.Values }}
{{- $step := .step }}
---
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "checkpoint-storage.cut" (dict "name" (include "checkpoint-storage.fullname" $root) "suffix" (printf "%s-test-%s" (include "checkpoint-storage.suffix" $args) $step)) | quote }}
  namespace: {{ include "checkpoint-storage.namespace" $root | quote }}
  labels: {{- include "checkpoint-storage.labels" (dict "root" $root "extra" (merge (include "checkpoint-storage.podLabels" $root | fromYaml) $values.test.labels)) | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-weight: {{ .weight | quote }}
    {{- /* A finished pod still holds its claim, so none is left behind. */}}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    {{- /* So Helm prints what the pods say before they are gone, without being asked. */}}
    helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
    {{- with include "checkpoint-storage.podAnnotations" $root }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $values.test.annotations }}
    {{- include "checkpoint-storage.stringMap" . | nindent 4 }}
    {{- end }}
spec:
  restartPolicy: Never
  activeDeadlineSeconds: {{ $values.test.timeoutSeconds | int }}
  automountServiceAccountToken: false
  {{- with include "checkpoint-storage.podServiceAccountName" $root }}
  serviceAccountName: {{ . | quote }}
  {{- end }}
  {{- with $values.test.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.test.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.test.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- $security := dict "runAsNonRoot" true "runAsUser" 65534 "runAsGroup" 65534 "seccompProfile" (dict "type" "RuntimeDefault") }}
  {{- range $key, $value := include "checkpoint-storage.podSecurityContext" $root | fromYaml }}
  {{- $_ := set $security $key $value }}
  {{- end }}
  securityContext: {{- toYaml $security | nindent 4 }}
  containers:
    - name: {{ $step }}
      image: {{ printf "%s:%s" $values.test.image.repository $values.test.image.tag | quote }}
      imagePullPolicy: {{ $values.test.image.pullPolicy }}
      command: [sh, -c]
      args:
        - |
          {{- include (printf "checkpoint-storage.test.%s" $step) (dict "root" $root "claim" (include "checkpoint-storage.claimName" $args)) | nindent 10 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      {{- with $values.test.resources }}
      resources: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if eq $values.volumeMode "Block" }}
      volumeDevices: {{- include "checkpoint-storage.volumeDevice" $args | nindent 8 }}
      {{- else }}
      volumeMounts: {{- include "checkpoint-storage.volumeMount" $args | nindent 8 }}
      {{- end }}
  volumes: {{- include "checkpoint-storage.volume" $args | nindent 4 }}
{{- end }}

{{/*
The pod of a worker. Everything about the volumes comes from the named templates of checkpoint-storage: this chart, and
one that is copied from it, knows no backend.

Inputs: dict "root", "env" (YAML: further entries of env), and "rank" where each rank has a pod template of its own.
Outputs: a pod's metadata and spec.
*/}}
{{- define "training-job.pod" -}}
{{- $args := . }}
{{- $values := .root.Values }}
{{- $stores := list }}
{{- range $name := list "checkpoints" "fastTier" }}
{{- with index $args.root.Subcharts $name }}
{{- $store := dict "context" . "variable" (get (dict "checkpoints" "CHECKPOINT_DIR" "fastTier" "FAST_TIER_DIR") $name) }}
{{- if .Values.shards }}
{{- $_ := set $store "shard" $args.rank }}
{{- end }}
{{- $stores = append $stores $store }}
{{- end }}
{{- end }}
metadata:
  labels: {{- include "training-job.selector" .root | nindent 4 }}
    {{- range $stores }}
    {{- with include "checkpoint-storage.podLabels" . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- end }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/script: {{ .root.Files.Get "files/train.py" | sha256sum }}
    {{- range $stores }}
    {{- with include "checkpoint-storage.podAnnotations" . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- end }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  # A worker that failed is replaced by a new pod; it may have to go to another node.
  restartPolicy: Never
  subdomain: {{ include "training-job.name" .root | quote }}
  {{- if hasKey . "rank" }}
  hostname: {{ printf "%s-%d" (include "training-job.name" .root) (int .rank) | quote }}
  {{- end }}
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds | int }}
  {{- with include "training-job.serviceAccountName" (dict "stores" $stores) }}
  serviceAccountName: {{ . | quote }}
  {{- end }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- range $key := list "imagePullSecrets" "nodeSelector" "tolerations" "affinity" }}
  {{- with get $values $key }}
  {{ $key }}: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- $security := deepCopy $values.podSecurityContext }}
  {{- range $stores }}
  {{- range $key, $value := include "checkpoint-storage.podSecurityContext" . | fromYaml }}
  {{- $_ := set $security $key $value }}
  {{- end }}
  {{- end }}
  securityContext: {{- toYaml $security | nindent 4 }}
  containers:
    - name: worker
      image: {{ printf "%s:%s" $values.image.repository $values.image.tag | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: {{- toYaml ($values.command | default (list "python3" "/training/train.py")) | nindent 8 }}
      {{- with $values.args }}
      args: {{- toYaml . | nindent 8 }}
      {{- end }}
      env:
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- include "training-job.settings" .root | nindent 8 }}
        {{- range $stores }}
        {{- include "checkpoint-storage.env" . | nindent 8 }}
        {{- end }}
        {{- with $values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $values.resources }}
      resources: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext: {{- toYaml $values.securityContext | nindent 8 }}
      volumeMounts:
        {{- range $stores }}
        {{- include "checkpoint-storage.volumeMount" . | nindent 8 }}
        {{- end }}
        - {name: training, mountPath: /training, readOnly: true}
        - {name: scratch, mountPath: /tmp}
  volumes:
    {{- range $stores }}
    {{- include "checkpoint-storage.volume" . | nindent 4 }}
    {{- end }}
    - name: training
      configMap: {name: {{ include "training-job.name" .root | quote }}}
    - name: scratch
      emptyDir: {}
{{- end }}

{{/* Inputs: dict "stores". Outputs: the service account by whose rights the storage is opened, if there is one. */}}
{{- define "training-job.serviceAccountName" -}}
{{- $names := list }}
{{- range .stores }}
{{- $names = append $names (include "checkpoint-storage.podServiceAccountName" .) }}
{{- end }}
{{- first (append (without $names "") "") }}
{{- end }}

{{/*
The pod of a worker. Everything about the volumes comes from the named templates of checkpoint-storage: this chart, and
one that is copied from it, knows no backend.

Inputs: dict "root", and of these what the workload needs:
  rank            the rank, where each has a pod template of its own
  env             YAML, further entries of env: who the worker is and where the others meet
  container       the container's name; worker unless given
  command         instead of the values' own; an empty list leaves it out
  restartPolicy   Never unless given; "" leaves it out
  subdomain       the Service and the name by which others reach the pod, where no operator sets them
  hostname
  claimTemplates  true where stores of shards are mounted through volumeClaimTemplates
Outputs: a pod's metadata and spec.
*/}}
{{- define "training-job.pod" -}}
{{- $args := . }}
{{- $values := .root.Values }}
{{- $stores := list }}
{{- range $name := list "checkpoints" "fastTier" }}
{{- with index $args.root.Subcharts $name }}
{{- $store := dict "context" . "variable" (get (dict "checkpoints" "CHECKPOINT_DIR" "fastTier" "FAST_TIER_DIR") $name) }}
{{- if and .Values.shards (not $args.claimTemplates) }}
{{- $_ := set $store "shard" $args.rank }}
{{- end }}
{{- $stores = append $stores $store }}
{{- end }}
{{- end -}}
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
  {{- /* Never, because a worker that failed may have to go to another node: a new pod replaces it. */}}
  {{- with dig "restartPolicy" "Never" (omit . "root") }}
  restartPolicy: {{ . }}
  {{- end }}
  {{- with .subdomain }}
  subdomain: {{ . | quote }}
  {{- end }}
  {{- with .hostname }}
  hostname: {{ . | quote }}
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
    - name: {{ .container | default "worker" }}
      image: {{ printf "%s:%s" $values.image.repository $values.image.tag | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      {{- with ternary .command (include "training-job.command" .root | fromYamlArray) (hasKey . "command") }}
      command: {{- toYaml . | nindent 8 }}
      {{- end }}
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
    {{- if not (and $args.claimTemplates .context.Values.shards) }}
    {{- include "checkpoint-storage.volume" . | nindent 4 }}
    {{- end }}
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

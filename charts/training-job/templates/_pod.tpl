{{/*
The pod of a worker. Everything about the volumes comes from the named templates of checkpoint-storage: this chart, and
one that is copied from it, knows no backend.

Inputs: dict "root", and of these what the workload needs:
  rank            the rank, if each has its own pod template
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
{{- end }}
{{- $labels := list }}
{{- $annotations := list (dict "checksum/script" (printf "%s%s" (.root.Files.Get "files/launch.py") (.root.Files.Get "files/train.py") | sha256sum)) }}
{{- range $stores }}
{{- $labels = append $labels (include "training-job.read" (include "checkpoint-storage.podLabels" .) | mustFromJson) }}
{{- $annotations = append $annotations (include "training-job.read" (include "checkpoint-storage.podAnnotations" .) | mustFromJson) }}
{{- end -}}
metadata:
  labels: {{- include "training-job.overlay" (concat $labels (list $values.podLabels (include "training-job.read" (include "training-job.selector" .root) | mustFromJson))) | nindent 4 }}
  annotations: {{- include "training-job.overlay" (append $annotations $values.podAnnotations) | nindent 4 }}
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
  {{- with include "training-job.imagePullSecrets" .root | mustFromJson }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- range $key := list "priorityClassName" "runtimeClassName" }}
  {{- with get $values $key }}
  {{ $key }}: {{ . | quote }}
  {{- end }}
  {{- end }}
  nodeSelector: {{- include "training-job.overlay" (list (dict "kubernetes.io/os" "linux") $values.nodeSelector) | nindent 4 }}
  {{- range $key := list "tolerations" "affinity" }}
  {{- with get $values $key }}
  {{ $key }}: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  securityContext: {{- include "training-job.securityContext" (dict "root" .root "stores" $stores) | nindent 4 }}
  containers:
    - name: {{ .container | default "worker" }}
      image: {{ include "training-job.image" .root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      {{- with ternary .command (include "training-job.command" .root | mustFromJson) (hasKey . "command") }}
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
        {{- if $values.sharedMemory }}
        - {name: shared-memory, mountPath: /dev/shm}
        {{- end }}
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
    {{- with $values.sharedMemory }}
    - name: shared-memory
      emptyDir: {medium: Memory, sizeLimit: {{ . | quote }}}
    {{- end }}
{{- end }}

{{/* Inputs: dict "stores". Outputs: the service account by whose rights the storage is opened, if there is one. */}}
{{- define "training-job.serviceAccountName" -}}
{{- $names := list }}
{{- range .stores }}
{{- $names = append $names (include "checkpoint-storage.podServiceAccountName" .) }}
{{- end }}
{{- first (append (without $names "") "") }}
{{- end }}

{{/*
Inputs: dict "root" "stores". Outputs: the security context of the pods: the values' own, and over it what the stores say.
Root is who a value names so; null takes a key away, for clusters that choose the user themselves.
*/}}
{{- define "training-job.securityContext" -}}
{{- $security := dict }}
{{- $from := list .root.Values.podSecurityContext }}
{{- range .stores }}
{{- $from = append $from (include "training-job.read" (include "checkpoint-storage.podSecurityContext" .) | mustFromJson) }}
{{- end }}
{{- range $from }}
{{- range $key, $value := . }}
{{- $_ := set $security $key $value }}
{{- end }}
{{- end }}
{{- range $key, $value := $security }}
{{- if kindIs "invalid" $value }}
{{- $security = omit $security $key }}
{{- end }}
{{- end }}
{{- $root := eq (toString $security.runAsUser) "0" }}
{{- if not (hasKey $security "runAsNonRoot") }}
{{- $_ := set $security "runAsNonRoot" (not $root) }}
{{- else if and $root $security.runAsNonRoot }}
{{- include "training-job.refuse" (dict "root" .root "message" "the workers are to run as root (runAsUser: 0), and not to (runAsNonRoot: true)." "fix" "leave podSecurityContext.runAsNonRoot out, here and in the stores; or name another user") }}
{{- end }}
{{- toYaml $security }}
{{- end }}

{{/* Inputs: a list of maps. Outputs: one map of strings as YAML; later maps override earlier ones. */}}
{{- define "training-job.overlay" -}}
{{- $all := dict }}
{{- range . }}
{{- range $key, $value := . }}
{{- $_ := set $all $key (toString $value) }}
{{- end }}
{{- end }}
{{- toYaml $all }}
{{- end }}

{{/* Outputs: the workers' image; global.imageRegistry is for a repository that names no registry itself. */}}
{{- define "training-job.image" -}}
{{- $image := .Values.image }}
{{- $repository := $image.repository }}
{{- with (.Values.global | default dict).imageRegistry }}
{{- if not (regexMatch "^([^/]*[.:][^/]*|localhost)/" $repository) }}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) $repository }}
{{- end }}
{{- end }}
{{- if $image.digest }}
{{- printf "%s@%s" $repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $repository $image.tag }}
{{- end }}
{{- end }}

{{/* Outputs: the pull secrets of this chart and of all charts, as a JSON list; both may be names or {name: …}. */}}
{{- define "training-job.imagePullSecrets" -}}
{{- $secrets := list }}
{{- range concat (.Values.imagePullSecrets | default list) ((.Values.global | default dict).imagePullSecrets | default list) }}
{{- $secrets = append $secrets (ternary . (dict "name" .) (kindIs "map" .)) }}
{{- end }}
{{- uniq $secrets | toJson }}
{{- end }}

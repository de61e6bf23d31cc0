{{/*
The Job that makes one directory on the claim. An ordinary object rather than a hook: `helm install --wait`, and Argo CD
before it comes to hooks, wait for the claim to be bound, and where that takes a first pod it is this Job's. Its name
ends in a hash of what it does, because a Job cannot be changed: other values are another Job, the same ones none. It
stays when it has ended, or a GitOps controller would find it missing and make it again.
*/}}

{{/* Inputs: dict "context" and perhaps "shard". Outputs: a Job. */}}
{{- define "checkpoint-storage.prepare" -}}
{{- $root := .context }}
{{- $pod := include "checkpoint-storage.prepare.pod" . | trim }}
---
apiVersion: batch/v1
kind: Job
metadata:
  {{- /* A Job's name is a label of its pods, and so has 63 characters at most. */}}
  name: {{ include "checkpoint-storage.cut" (dict "name" (include "checkpoint-storage.fullname" $root) "suffix" (printf "-prepare-%s%s" ($pod | sha256sum | trunc 8) (include "checkpoint-storage.suffix" .)) "room" 38) | quote }}
  namespace: {{ include "checkpoint-storage.namespace" $root | quote }}
  labels: {{- include "checkpoint-storage.labels" (dict "root" $root) | nindent 4 }}
  {{- with include "checkpoint-storage.annotations" (dict "root" $root) }}
  {{- . | nindent 2 }}
  {{- end }}
spec:
  backoffLimit: 3
  template: {{- $pod | nindent 4 }}
{{- end }}

{{/* Inputs: as above. Outputs: the pod's metadata and spec. */}}
{{- define "checkpoint-storage.prepare.pod" -}}
{{- $root := .context }}
{{- $prepare := $root.Values.prepare }}
{{- $owned := or (not (kindIs "invalid" $prepare.owner)) (not (kindIs "invalid" $prepare.group)) }}
{{- $labels := dict
  "app.kubernetes.io/name" (include "checkpoint-storage.name" $root)
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/component" "prepare"
}}
metadata:
  labels: {{- include "checkpoint-storage.stringMap" (merge (deepCopy $prepare.labels) (include "checkpoint-storage.podLabels" . | fromYaml) $labels) | nindent 4 }}
  {{- $annotations := merge (deepCopy $prepare.annotations) (include "checkpoint-storage.podAnnotations" . | fromYaml) }}
  {{- with $annotations }}
  annotations: {{- include "checkpoint-storage.stringMap" . | nindent 4 }}
  {{- end }}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with include "checkpoint-storage.podServiceAccountName" . }}
  serviceAccountName: {{ . | quote }}
  {{- end }}
  {{- range $key := list "imagePullSecrets" "nodeSelector" "tolerations" }}
  {{- with get $prepare $key }}
  {{ $key }}: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- $security := dict "runAsNonRoot" true "runAsUser" 65534 "runAsGroup" 65534 "seccompProfile" (dict "type" "RuntimeDefault") }}
  {{- range $key, $value := include "checkpoint-storage.podSecurityContext" . | fromYaml }}
  {{- $_ := set $security $key $value }}
  {{- end }}
  {{- if $owned }}
  {{- /* Without fsGroup: for its sake kubelet would go through every file on the claim. */}}
  {{- $security = merge (dict "runAsNonRoot" false "runAsUser" 0 "runAsGroup" 0) (omit $security "fsGroup" "fsGroupChangePolicy" "runAsNonRoot" "runAsUser" "runAsGroup" "supplementalGroups") }}
  {{- end }}
  securityContext: {{- toYaml $security | nindent 4 }}
  containers:
    - name: prepare
      image: {{ printf "%s:%s" $prepare.image.repository $prepare.image.tag | quote }}
      imagePullPolicy: {{ $prepare.image.pullPolicy }}
      command: [sh, -c]
      args:
        - |
          {{- include "checkpoint-storage.prepare.script" $root | nindent 10 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
          {{- if $owned }}
          # To give the directory away (CHOWN), in a root that is somebody else's (DAC_OVERRIDE), and to set the mode of
          # one that was given away before (FOWNER, FSETID).
          add: [CHOWN, DAC_OVERRIDE, FOWNER, FSETID]
          {{- end }}
      {{- with $prepare.resources }}
      resources: {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts: {{- include "checkpoint-storage.volumeMount" . | nindent 8 }}
  volumes: {{- include "checkpoint-storage.volume" . | nindent 4 }}
{{- end }}

{{/* Inputs: a chart context. Outputs: the shell that makes the directory; what is already as it should be is left alone. */}}
{{- define "checkpoint-storage.prepare.script" -}}
{{- $prepare := .Values.prepare -}}
set -eu
name={{ $prepare.directory | quote }}
mode={{ $prepare.mode | quote }}
owner={{ if not (kindIs "invalid" $prepare.owner) }}{{ int64 $prepare.owner }}{{ end }}
group={{ if not (kindIs "invalid" $prepare.group) }}{{ int64 $prepare.group }}{{ end }}
die() { echo "FAILED: $*; the root of the claim is $(stat -c '%u:%g mode %a' .), and this is user $(id -u):$(id -g)" >&2; exit 1; }
cd {{ .Values.mountPath | quote }}
[ ! -L "$name" ] || die "$name is a symbolic link, and where it leads is not for this to change"
[ -d "$name" ] || mkdir "$name" || [ -d "$name" ] || die "cannot make $name. Set prepare.owner and prepare.group, so that root makes it; where the server maps root to nobody, set podSecurityContext to who may write there"
before=$(stat -c '%u:%g %a' "$name")
have() { stat -c "$1" "$name"; }
[ "$(have %a)" = "$(echo "$mode" | sed 's/^0*//')" ] || chmod "$mode" "$name" || die "cannot set the mode of $name"
[ -z "$owner" ] || [ "$(have %u)" = "$owner" ] || chown -h "$owner" "$name" || die "cannot give $name to user $owner; where the server maps root to nobody, leave prepare.owner out"
[ -z "$group" ] || [ "$(have %g)" = "$group" ] || chgrp -h "$group" "$name" || die "cannot give $name to group $group; where the server maps root to nobody, leave prepare.group out"
echo "$name: $before -> $(stat -c '%u:%g %a' "$name")"
{{- end }}

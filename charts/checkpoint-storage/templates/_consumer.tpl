{{/*
What a training chart includes. Each define takes the chart context of this chart (.Subcharts.<alias> from a parent),
or (dict "context" .Subcharts.<alias> "shard" <number>) where the store has shards.
*/}}

{{/* Inputs: as above, with an optional "name" in the dict. Outputs: the name by which a pod refers to the volume. */}}
{{- define "checkpoint-storage.podVolumeName" -}}
{{- $context := .context | default . }}
{{- printf "%s%s" (include "checkpoint-storage.name" $context | trunc 57 | trimSuffix "-") (include "checkpoint-storage.suffix" .) }}
{{- end }}

{{/* Outputs: an entry of a pod's volumes. */}}
{{- define "checkpoint-storage.volume" -}}
- name: {{ include "checkpoint-storage.podVolumeName" . | quote }}
  persistentVolumeClaim:
    claimName: {{ include "checkpoint-storage.claimName" . | quote }}
    {{- if include "checkpoint-storage.readOnly" . }}
    readOnly: true
    {{- end }}
{{- end }}

{{/* Outputs: an entry of a container's volumeMounts; a Block claim needs checkpoint-storage.volumeDevice instead. */}}
{{- define "checkpoint-storage.volumeMount" -}}
{{- $context := .context | default . -}}
- name: {{ include "checkpoint-storage.podVolumeName" . | quote }}
  mountPath: {{ $context.Values.mountPath | quote }}
  {{- /* Beside the volume's own: a StatefulSet writes the volumes of its volumeClaimTemplates itself, and not read-only. */}}
  {{- if include "checkpoint-storage.readOnly" . }}
  readOnly: true
  {{- end }}
{{- end }}

{{/* Outputs: an entry of a container's volumeDevices, for a Block claim. */}}
{{- define "checkpoint-storage.volumeDevice" -}}
{{- $context := .context | default . -}}
- name: {{ include "checkpoint-storage.podVolumeName" . | quote }}
  devicePath: {{ $context.Values.mountPath | quote }}
{{- end }}

{{/* Outputs: the directory that checkpoints go to, as pods see it: the mount, or what prepare has made there. */}}
{{- define "checkpoint-storage.directory" -}}
{{- $values := (.context | default .).Values }}
{{- if $values.prepare.enabled }}
{{- printf "%s/%s" (trimSuffix "/" $values.mountPath) $values.prepare.directory }}
{{- else }}
{{- $values.mountPath }}
{{- end }}
{{- end }}

{{/*
Inputs: as above, with an optional "variable", and an optional "below" for a directory of the pod's own: rank-$(RANK) is
one for each rank, after an entry RANK. Outputs: an entry of a container's env.
*/}}
{{- define "checkpoint-storage.env" -}}
{{- $directory := include "checkpoint-storage.directory" . | include "checkpoint-storage.literal" }}
{{- with .below }}
{{- $directory = printf "%s/%s" (trimSuffix "/" $directory) . }}
{{- end -}}
- name: {{ .variable | default "CHECKPOINT_DIR" }}
  value: {{ $directory | quote }}
{{- end }}

{{/* Outputs: the annotations a pod needs to mount the claim; may be empty. */}}
{{- define "checkpoint-storage.podAnnotations" -}}
{{- $context := .context | default . }}
{{- $facts := include "checkpoint-storage.facts" $context | mustFromJson }}
{{- $in := merge (dict "root" $context "keys" $facts.mapping.podAnnotations "hook" "podAnnotations") (include "checkpoint-storage.hook.arguments" . | mustFromJson) }}
{{- $annotations := merge (include "checkpoint-storage.csi.mapped" $in | mustFromJson) ($facts.pod.annotations | default dict) }}
{{- with $annotations }}
{{- include "checkpoint-storage.stringMap" . }}
{{- end }}
{{- end }}

{{/* Outputs: the labels a pod needs to mount the claim; may be empty. */}}
{{- define "checkpoint-storage.podLabels" -}}
{{- $context := .context | default . }}
{{- $facts := include "checkpoint-storage.facts" $context | mustFromJson }}
{{- $in := merge (dict "root" $context "keys" dict "hook" "podLabels") (include "checkpoint-storage.hook.arguments" . | mustFromJson) }}
{{- $labels := merge (include "checkpoint-storage.csi.mapped" $in | mustFromJson) ($facts.pod.labels | default dict) }}
{{- with $labels }}
{{- include "checkpoint-storage.stringMap" . }}
{{- end }}
{{- end }}

{{/* Outputs: the service account whose identity opens the storage, where the backend's section names one; may be empty. */}}
{{- define "checkpoint-storage.podServiceAccountName" -}}
{{- $context := .context | default . }}
{{- with (include "checkpoint-storage.section" . | mustFromJson).podServiceAccountName }}
{{- . }}
{{- end }}
{{- end }}

{{/*
Outputs: the security context that the values give to pods that write to the claim; may be empty. A key may be null, which
removes a chart's default. If the kubelet applies fsGroup to every file on each start, fsGroupChangePolicy OnRootMismatch is
set.
*/}}
{{- define "checkpoint-storage.podSecurityContext" -}}
{{- $context := .context | default . }}
{{- $security := deepCopy ($context.Values.podSecurityContext | default dict) }}
{{- if and (hasKey $security "fsGroup") (not (hasKey $security "fsGroupChangePolicy")) (include "checkpoint-storage.fsGroupApplies" .) }}
{{- $_ := set $security "fsGroupChangePolicy" "OnRootMismatch" }}
{{- end }}
{{- with $security }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/*
Outputs: "true" where kubelet applies a pod's fsGroup to the volume, or may: for unknown drivers and
existing claims that is unknown. A driver that mounts with the group itself leaves kubelet nothing to do.
*/}}
{{- define "checkpoint-storage.fsGroupApplies" -}}
{{- $context := .context | default . }}
{{- $values := $context.Values }}
{{- $facts := include "checkpoint-storage.facts" $context | mustFromJson }}
{{- $policy := $facts.fsGroup }}
{{- $applies := not (or (eq $policy "None") (and $facts.mountGroup (ne $values.provisioning "existing"))) }}
{{- if and $applies (eq $policy "ReadWriteOnceWithFSType") }}
{{- $source := dict "root" $context "section" (include "checkpoint-storage.section" . | mustFromJson) "volume" "" }}
{{- $typed := or (ne $values.provisioning "static") (include "checkpoint-storage.csi.fsType" $source) }}
{{- $applies = and $typed (or (has "ReadWriteOnce" $values.accessModes) (has "ReadWriteOncePod" $values.accessModes)) }}
{{- end }}
{{- if and $applies (eq $values.volumeMode "Filesystem") }}true{{ end }}
{{- end }}

{{/* Inputs: dict "context" and perhaps "shard". Outputs: the PersistentVolumeClaim. */}}
{{- define "checkpoint-storage.persistentVolumeClaim" -}}
{{- $args := . }}
{{- $root := .context }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "checkpoint-storage.claimName" $args | quote }}
  namespace: {{ include "checkpoint-storage.namespace" $root | quote }}
  labels: {{- include "checkpoint-storage.labels" (dict "root" $root "extra" $root.Values.claim.labels) | nindent 4 }}
  {{- with include "checkpoint-storage.annotations" (dict "root" $root "extra" $root.Values.claim.annotations "storage" true) }}
  {{- . | nindent 2 }}
  {{- end }}
spec: {{- include "checkpoint-storage.persistentVolumeClaim.spec" $args | nindent 2 }}
{{- end }}

{{/*
Inputs: a chart context, or dict "context" "shard". Outputs: what the claim is filled from, a shard's own or the store's, as
JSON; {} where it begins empty.
*/}}
{{- define "checkpoint-storage.dataSource" -}}
{{- $context := .context | default . }}
{{- $source := $context.Values.claim.dataSourceRef }}
{{- $shard := "{shard}" }}
{{- if hasKey . "shard" }}
{{- $shard = toString .shard }}
{{- $overrides := $context.Values.shardOverrides }}
{{- if and $overrides (lt (int .shard) (len $overrides)) }}
{{- $override := index $overrides (int .shard) }}
{{- if hasKey $override "dataSourceRef" }}
{{- $source = $override.dataSourceRef }}
{{- end }}
{{- end }}
{{- end }}
{{- $source | toJson | replace "{shard}" $shard }}
{{- end }}

{{/*
Inputs: dict "context" and perhaps "shard"; with "template" true, what holds for the claims of all shards alike.
Outputs: the spec of a PersistentVolumeClaim.
*/}}
{{- define "checkpoint-storage.persistentVolumeClaim.spec" -}}
{{- $args := . }}
{{- $root := .context -}}
accessModes: {{- toYaml $root.Values.accessModes | nindent 2 }}
volumeMode: {{ $root.Values.volumeMode }}
{{- with include "checkpoint-storage.storageClassName" $root }}
storageClassName: {{ . }}
{{- end }}
{{- with $root.Values.claim.volumeAttributesClassName }}
volumeAttributesClassName: {{ . | quote }}
{{- end }}
{{- if not .template }}
{{- if eq $root.Values.provisioning "static" }}
volumeName: {{ include "checkpoint-storage.volumeName" $args | quote }}
{{- end }}
{{- with include "checkpoint-storage.dataSource" $args | mustFromJson }}
dataSourceRef: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
resources:
  requests:
    storage: {{ $root.Values.size | quote }}
{{- end }}

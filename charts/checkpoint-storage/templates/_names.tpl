{{/*
Names. Every define here takes a chart context, or (dict "context" <chart context> "shard" <number>);
a parent chart passes .Subcharts.<alias>.
*/}}

{{/* Outputs: the chart's name, or its alias, as a DNS label. */}}
{{- define "checkpoint-storage.name" -}}
{{- .Values.nameOverride | default .Chart.Name | kebabcase | lower | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Outputs: the name that all names start with: the release for the chart itself, <release>-<alias> for a dependency. */}}
{{- define "checkpoint-storage.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else if and .Chart.IsRoot (not .Values.nameOverride) }}
{{- .Release.Name }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "checkpoint-storage.name" .) }}
{{- end }}
{{- end }}

{{/* Outputs: the namespace of the claim. */}}
{{- define "checkpoint-storage.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{/*
Inputs: dict "name" "suffix" ("" or "-<shard>") and perhaps "room" (characters for the name without its suffix) and
"undotted" (true for what has to be a DNS label: a name with a dot is then cut too).
Outputs: a name of at most 63 characters, where the suffix has no more than six or the room is less: labels and volume
handles of drivers have no room for more. A name that is cut ends in a hash of the whole, and has no dot.
*/}}
{{- define "checkpoint-storage.cut" -}}
{{- /* Room for a shard number is kept from the first, so that shard 9 and shard 10 share one base. */}}
{{- $room := .room | default (ternary 57 63 (ne .suffix "")) }}
{{- if or (gt (len .name) $room) (and .undotted (contains "." .name)) }}
{{- printf "%s-%s%s" (.name | trunc (int (sub $room 17)) | replace "." "-" | trimSuffix "-") (.name | sha256sum | trunc 16) .suffix }}
{{- else }}
{{- printf "%s%s" .name .suffix }}
{{- end }}
{{- end }}

{{/*
Inputs: dict "context" "own" (the name that the values give, or "") "suffix". Outputs: the name of an object that has no
namespace: <namespace>.<fullname>. A namespace has no dot, so the first one parts the two, and stores of two namespaces never
share a name; nor do two of which one is cut, which has none.
*/}}
{{- define "checkpoint-storage.clusterName" -}}
{{- $name := printf "%s.%s" (include "checkpoint-storage.namespace" .context) (include "checkpoint-storage.fullname" .context) }}
{{- include "checkpoint-storage.cut" (dict "name" (.own | default $name) "suffix" .suffix) }}
{{- end }}

{{/* Outputs: "" or "-<shard>". */}}
{{- define "checkpoint-storage.suffix" -}}
{{- if hasKey . "shard" }}-{{ .shard }}{{ end }}
{{- end }}

{{/* Outputs: the name of the claim that pods mount. */}}
{{- define "checkpoint-storage.claimName" -}}
{{- $context := .context | default . }}
{{- $suffix := include "checkpoint-storage.suffix" . }}
{{- if eq $context.Values.provisioning "existing" }}
{{- printf "%s%s" $context.Values.claim.existing $suffix }}
{{- else }}
{{- include "checkpoint-storage.cut" (dict "name" ($context.Values.claim.name | default (include "checkpoint-storage.fullname" $context)) "suffix" $suffix) }}
{{- end }}
{{- end }}

{{/* Outputs: the name of the PersistentVolume, or "" when only the cluster knows it. */}}
{{- define "checkpoint-storage.volumeName" -}}
{{- $context := .context | default . }}
{{- $values := $context.Values }}
{{- if or $values.volume.name (eq $values.provisioning "static") }}
{{- include "checkpoint-storage.clusterName" (dict "context" $context "own" $values.volume.name "suffix" (include "checkpoint-storage.suffix" .)) }}
{{- end }}
{{- end }}

{{/* Outputs: the StorageClass's name, JSON-encoded, or "" when the line must be left out so that the cluster's default class applies. */}}
{{- define "checkpoint-storage.storageClassName" -}}
{{- $values := .Values }}
{{- if $values.storageClass.create }}
{{- include "checkpoint-storage.clusterName" (dict "context" . "own" $values.storageClass.name "suffix" "") | toJson }}
{{- else if and (hasKey $values "storageClassName") (not (kindIs "invalid" $values.storageClassName)) }}
{{- $values.storageClassName | toJson }}
{{- else if eq $values.provisioning "static" }}
{{- /* Left out, admission would write the default class into the claim alone, and the pair would never bind. */}}
{{- "" | toJson }}
{{- end }}
{{- end }}

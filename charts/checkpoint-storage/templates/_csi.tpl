{{/*
What every backend of a CSI driver shares. Where a key of its section goes is data in the backend's folder (attribute,
parameter, secrets, topology); a backend's hooks add what data cannot say:
  handle      outputs the volume handle; without it, the handle is free text, and the volume's name is taken
  attributes  outputs further volume attributes, as JSON
  parameters  outputs further parameters of the StorageClass, as JSON
  fsType      outputs the file system; without it, the section's fsType is taken
*/}}

{{/* Inputs: what hooks take, as checkpoint-storage.hook.arguments says. Outputs: the volume source of a PersistentVolume. */}}
{{- define "checkpoint-storage.csi.source" -}}
{{- $in := . }}
{{- $facts := include "checkpoint-storage.facts" .root | mustFromJson -}}
csi:
  driver: {{ .section.driver | default $facts.driver | quote }}
  volumeHandle: {{ .handle | default (include "checkpoint-storage.hook" (merge (dict "hook" "handle") $in)) | default .volume | quote }}
  {{- $attributes := include "checkpoint-storage.csi.mapped" (merge (dict "keys" $facts.mapping.attributes "hook" "attributes") $in) | mustFromJson }}
  {{- range $key, $value := .root.Values.volume.attributes }}
  {{- /* null takes one away that follows from the section. */}}
  {{- if kindIs "invalid" $value }}
  {{- $_ := unset $attributes $key }}
  {{- else }}
  {{- $_ := set $attributes $key $value }}
  {{- end }}
  {{- end }}
  {{- with $attributes }}
  volumeAttributes: {{- include "checkpoint-storage.stringMap" . | nindent 4 }}
  {{- end }}
  {{- $fsType := include "checkpoint-storage.csi.fsType" $in }}
  {{- if kindIs "string" .root.Values.volume.fsType }}
  {{- $fsType = .root.Values.volume.fsType }}
  {{- end }}
  {{- with $fsType }}
  fsType: {{ . | quote }}
  {{- end }}
  {{- /* Only for drivers that read it on attach: a volume's source cannot be changed later. */}}
  {{- if or .section.readOnly (and $facts.readOnly.attach (include "checkpoint-storage.readOnly.in" .)) }}
  readOnly: true
  {{- end }}
  {{- range $key, $uses := $facts.mapping.secrets }}
  {{- with get $in.section $key }}
  {{- $ref := . }}
  {{- range without $uses "provisioner" }}
  {{ . }}SecretRef: {{- include "checkpoint-storage.secretRef" (dict "root" $in.root "ref" $ref) | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- end }}
{{- end }}

{{/* Inputs: as above. Outputs: parameters of the StorageClass, as JSON. */}}
{{- define "checkpoint-storage.csi.parameters" -}}
{{- $in := . }}
{{- $facts := include "checkpoint-storage.facts" .root | mustFromJson }}
{{- $parameters := include "checkpoint-storage.csi.mapped" (merge (dict "keys" $facts.mapping.parameters "hook" "parameters") $in) | mustFromJson }}
{{- with include "checkpoint-storage.csi.fsType" $in }}
{{- /* Some drivers read a parameter of that name themselves, and the provisioner refuses both. */}}
{{- if not (hasKey $parameters "fsType") }}
{{- $_ := set $parameters "csi.storage.k8s.io/fstype" . }}
{{- end }}
{{- end }}
{{- range $key, $uses := $facts.mapping.secrets }}
{{- with get $in.section $key }}
{{- $ref := . }}
{{- range $uses }}
{{- $_ := set $parameters (printf "csi.storage.k8s.io/%s-secret-name" (kebabcase .)) $ref.name }}
{{- $_ := set $parameters (printf "csi.storage.k8s.io/%s-secret-namespace" (kebabcase .)) ($ref.namespace | default (include "checkpoint-storage.namespace" $in.root)) }}
{{- end }}
{{- end }}
{{- end }}
{{- $parameters | toJson }}
{{- end }}

{{/* Inputs: what hooks take. Outputs: the file system of the volume, or nothing. */}}
{{- define "checkpoint-storage.csi.fsType" -}}
{{- if eq .root.Values.volumeMode "Filesystem" }}
{{- include "checkpoint-storage.hook" (merge (dict "hook" "fsType") .) | default (.section.fsType | default "") }}
{{- end }}
{{- end }}

{{/*
Inputs: what hooks take, with "keys" (a map from keys of the section to what the driver calls them) and "hook".
Outputs: the driver's names with the section's values, and what the hook adds, as JSON. A list is joined by commas.
*/}}
{{- define "checkpoint-storage.csi.mapped" -}}
{{- $in := . }}
{{- $mapped := dict }}
{{- range $key, $name := .keys }}
{{- $value := get $in.section $key }}
{{- if kindIs "slice" $value }}
{{- $value = join "," $value }}
{{- end }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
{{- $_ := set $mapped $name $value }}
{{- end }}
{{- end }}
{{- with include "checkpoint-storage.hook" (omit $in "keys") }}
{{- range $name, $value := mustFromJson . }}
{{- $_ := set $mapped $name $value }}
{{- end }}
{{- end }}
{{- $mapped | toJson }}
{{- end }}

{{/*
Inputs: dict "section" "topology" (a map from keys of the section to the node label that their value is one of, or from a
value of theirs to the node labels that it stands for). Outputs: a JSON list of label and values.
*/}}
{{- define "checkpoint-storage.csi.topology" -}}
{{- $in := . }}
{{- $labels := list }}
{{- range $key, $label := .topology }}
{{- with get $in.section $key }}
{{- if kindIs "map" $label }}
{{- range $name, $value := get $label . | default dict }}
{{- $labels = append $labels (dict "key" $name "values" (list $value)) }}
{{- end }}
{{- else }}
{{- $labels = append $labels (dict "key" $label "values" (ternary . (list .) (kindIs "slice" .))) }}
{{- end }}
{{- end }}
{{- end }}
{{- $labels | toJson }}
{{- end }}

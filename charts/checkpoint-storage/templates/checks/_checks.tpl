{{/*
What a schema cannot see. The words stand in rules.yaml, where ckptctl reads them too.
*/}}

{{/* Inputs: dict "root" "rule" "case" "path" and "args" (dict of facts for the words). Outputs: nothing; ends the rendering. */}}
{{- define "checkpoint-storage.refuse" -}}
{{- $words := get (get (.root.Files.Get "rules.yaml" | fromYaml) .rule).cases .case }}
{{- $args := merge (dict "modes" (join ", " (.root.Values.accessModes | default list)) "backend" .root.Values.backend "provisioning" .root.Values.provisioning "volumeMode" .root.Values.volumeMode) (.args | default dict) }}
{{- $text := printf "%s: %s\n  Fix: %s" .path $words.message $words.fix }}
{{- range $name, $value := $args }}
{{- $text = replace (printf "{%s}" $name) (toString $value) $text }}
{{- end }}
{{- fail (printf "\n\n%s %q in namespace %q: %s\n  Rule: %s\n" .root.Chart.Name .root.Release.Name (include "checkpoint-storage.namespace" .root) $text .rule) }}
{{- end }}

{{- define "checkpoint-storage.check" -}}
{{- include "checkpoint-storage.check.removed" (dict "root" . "path" "" "want" (include "checkpoint-storage.defaults" . | fromJson) "have" .Values) }}
{{- include "checkpoint-storage.check.provisioning" . }}
{{- if ne .Values.provisioning "existing" }}
{{- include "checkpoint-storage.check.backend" . }}
{{- include "checkpoint-storage.check.accessModes" . }}
{{- include "checkpoint-storage.check.metadata" . }}
{{- end }}
{{- end }}

{{- define "checkpoint-storage.check.provisioning" -}}
{{- $root := . }}
{{- $values := .Values }}
{{- $facts := include "checkpoint-storage.facts" . | fromJson }}
{{- if eq $values.provisioning "existing" }}
{{- if not $values.claim.existing }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E09" "case" "missing" "path" "claim.existing") }}
{{- end }}
{{- if eq $values.claim.existing ($values.claim.name | default (include "checkpoint-storage.fullname" .)) }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E09" "case" "own" "path" "claim.existing") }}
{{- end }}
{{- else }}
{{- if $values.claim.existing }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E09" "case" "unused" "path" "claim.existing") }}
{{- end }}
{{- if not (has $values.provisioning $facts.provisioning) }}
{{- $static := eq $values.provisioning "static" }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E03" "case" (ternary "notStatic" "notDynamic" $static) "path" "provisioning" "args" (dict "why" $facts.why)) }}
{{- end }}
{{- end }}
{{- if eq $values.provisioning "static" }}
{{- if ne $values.volume.reclaimPolicy "Retain" }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E01" "case" "delete" "path" "volume.reclaimPolicy") }}
{{- end }}
{{- if $values.claim.dataSourceRef }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E12" "case" "dataSource" "path" "claim.dataSourceRef") }}
{{- end }}
{{- else }}
{{- range $key := list "nodeAffinity" "labels" "annotations" }}
{{- if get $values.volume $key }}
{{- include "checkpoint-storage.refuse" (dict "root" $root "rule" "E03" "case" "volumeKeys" "path" (printf "volume.%s" $key) "args" (dict "key" (printf "volume.%s" $key))) }}
{{- end }}
{{- end }}
{{- if and $values.volume.name (eq $values.provisioning "dynamic") }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E03" "case" "volumeKeys" "path" "volume.name" "args" (dict "key" "volume.name")) }}
{{- end }}
{{- if and $values.mountOptions (not $values.storageClass.create) }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E03" "case" "mountOptions" "path" "mountOptions") }}
{{- end }}
{{- end }}
{{- if and $values.storageClass.create (ne $values.provisioning "dynamic") }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E03" "case" "classOnStatic" "path" "storageClass.create") }}
{{- end }}
{{- if and (eq $values.provisioning "dynamic") (not $values.storageClass.create) (eq (include "checkpoint-storage.storageClassName" .) (toJson "")) }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E03" "case" "noClass" "path" "storageClassName") }}
{{- end }}
{{- end }}

{{- define "checkpoint-storage.check.backend" -}}
{{- $root := . }}
{{- $values := .Values }}
{{- $facts := include "checkpoint-storage.facts" . | fromJson }}
{{- if and $values.mountOptions (not $facts.mountOptionsSupported) }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E05" "case" "mountOptions" "path" "mountOptions") }}
{{- end }}
{{- if and $values.claim.volumeAttributesClassName (eq $values.provisioning "static") (not $facts.volumeAttributesClass) }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E13" "case" "notCsi" "path" "claim.volumeAttributesClassName") }}
{{- end }}
{{- if and $values.shardOverrides (ne (len $values.shardOverrides) (int $values.shards)) }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E17" "case" "shardOverrides" "path" "shardOverrides" "args" (dict "count" (len $values.shardOverrides) "shards" (int $values.shards))) }}
{{- end }}
{{- $sources := dict }}
{{- range include "checkpoint-storage.shards" . | fromJsonArray }}
{{- $args := merge (dict "context" $root) . }}
{{- $section := include "checkpoint-storage.section" $args | fromJson }}
{{- $required := list }}
{{- if eq $values.provisioning "static" }}
{{- $required = $facts.required }}
{{- else if $values.storageClass.create }}
{{- $required = $facts.classRequired }}
{{- end }}
{{- range $key := $required }}
{{- if or (not (hasKey $section $key)) (kindIs "invalid" (get $section $key)) (eq (toString (get $section $key)) "") }}
{{- include "checkpoint-storage.refuse" (dict "root" $root "rule" "E17" "case" "missing" "path" $values.backend "args" (dict "key" (printf "%s.%s" $values.backend $key) "example" (get $facts.examples $key | toJson))) }}
{{- end }}
{{- end }}
{{- include "checkpoint-storage.hook" (merge (dict "hook" "check") $args) }}
{{- if and (hasKey . "shard") (eq $values.provisioning "static") }}
{{- /* One disk path on two nodes is two disks: the node is part of a volume's identity. */}}
{{- $source := printf "%s %s" (include "checkpoint-storage.hook" (merge (dict "hook" "source") $args)) (include "checkpoint-storage.nodeAffinity" $args) }}
{{- if and (eq (toString .shard) "{shard}") (gt (int $values.shards) 1) (not (contains "{shard}" $source)) }}
{{- include "checkpoint-storage.refuse" (dict "root" $root "rule" "E08" "case" "sameSource" "path" $values.backend "args" (dict "first" 0 "second" 1)) }}
{{- end }}
{{- if hasKey $sources $source }}
{{- include "checkpoint-storage.refuse" (dict "root" $root "rule" "E08" "case" "sameSource" "path" $values.backend "args" (dict "first" (get $sources $source) "second" (int .shard))) }}
{{- end }}
{{- $_ := set $sources $source .shard }}
{{- end }}
{{- end }}
{{- end }}

{{- define "checkpoint-storage.check.accessModes" -}}
{{- $root := . }}
{{- $values := .Values }}
{{- $facts := include "checkpoint-storage.facts" . | fromJson }}
{{- $modes := get $facts.accessModes $values.volumeMode }}
{{- if not $modes }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E06" "case" "noBlock" "path" "volumeMode") }}
{{- end }}
{{- if and (has "ReadWriteOncePod" $values.accessModes) (gt (len $values.accessModes) 1) }}
{{- include "checkpoint-storage.refuse" (dict "root" . "rule" "E06" "case" "singlePodMixed" "path" "accessModes") }}
{{- end }}
{{- if eq $values.provisioning "static" }}
{{- range $mode := $values.accessModes }}
{{- if not (has $mode $modes) }}
{{- $block := "" }}
{{- if has $mode (get $facts.accessModes "Block" | default list) }}
{{- $block = ", or volumeMode: Block" }}
{{- end }}
{{- include "checkpoint-storage.refuse" (dict "root" $root "rule" "E06" "case" "unsupported" "path" "accessModes" "args" (dict "mode" $mode "modes" (join ", " $modes) "first" (first $modes) "block" $block)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A hook annotation would have Helm delete the storage on every upgrade; a resource policy other than keep leaks it in silence. */}}
{{- define "checkpoint-storage.check.metadata" -}}
{{- $root := . }}
{{- range $path, $annotations := dict "commonAnnotations" .Values.commonAnnotations "claim.annotations" .Values.claim.annotations "volume.annotations" .Values.volume.annotations }}
{{- range $key, $_ := $annotations }}
{{- if or (hasPrefix "helm.sh/hook" $key) (eq $key "helm.sh/resource-policy") }}
{{- include "checkpoint-storage.refuse" (dict "root" $root "rule" "E14" "case" "annotation" "path" $path "args" (dict "key" $key)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Inputs: dict "root" "path" "want" (the chart's defaults) "have" (the values). Refuses null where the chart has a default: Helm deletes such a key. */}}
{{- define "checkpoint-storage.check.removed" -}}
{{- $in := . }}
{{- range $key, $default := .want }}
{{- $path := printf "%s%s" $in.path $key }}
{{- $have := index $in.have $key }}
{{- if kindIs "invalid" $have }}
{{- include "checkpoint-storage.refuse" (dict "root" $in.root "rule" "E19" "case" "removed" "path" $path "args" (dict "key" $path "default" (toJson $default))) }}
{{- else if and $default (kindIs "map" $default) }}
{{- include "checkpoint-storage.check.removed" (dict "root" $in.root "path" (printf "%s." $path) "want" $default "have" $have) }}
{{- end }}
{{- end }}
{{- end }}

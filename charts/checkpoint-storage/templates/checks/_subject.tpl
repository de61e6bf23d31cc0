{{/*
What rules are judged on: dict "values" "section" "facts" "affinity" "affinityKeys" "affinityPins" "options" "mounted"
"annotations" "texts" "attributes" "names". ckptctl reads the same from the values.
*/}}

{{/* Inputs: a chart context, or dict "context" "shard". Outputs: what rules are judged on, as JSON. */}}
{{- define "checkpoint-storage.rules.subject" -}}
{{- $context := .context | default . }}
{{- $suffix := ternary "-0" "" (gt (int $context.Values.shards) 0) }}
{{- $claim := $context.Values.claim.name | default (include "checkpoint-storage.fullname" $context) }}
{{- $values := $context.Values }}
{{- /* A class that makes no volumes is none to the rules about those that do. */}}
{{- if and (eq $values.provisioning "static") $values.storageClass.create }}
{{- $values = set (deepCopy $values) "storageClass" (set (deepCopy $values.storageClass) "create" false) }}
{{- end }}
{{- /* A class by itself makes volumes of any size that claims ask for. */}}
{{- if and (eq $values.provisioning "dynamic") (not $values.claim.create) }}
{{- $values = omit $values "size" }}
{{- end }}
{{- $names := dict "class" $context.Values.storageClass.create "claim" (include "checkpoint-storage.cut" (dict "name" $claim "suffix" $suffix) | trimSuffix $suffix) }}
{{- with $context.Values.retention.checkpointSize }}
{{- $all := mulf (include "checkpoint-storage.rules.quantity" . | float64) (add1 (int $context.Values.retention.keep)) }}
{{- $_ := set $names "room" (printf "%.0fGi" (ceil (divf $all (max 1 (int $context.Values.shards)) 1073741824))) }}
{{- end }}
{{- $section := include "checkpoint-storage.section" . | mustFromJson }}
{{- with $section.targetPortal }}
{{- $last := dict }}
{{- if gt (int $context.Values.shards) 0 }}
{{- $last = dict "shard" (sub (int $context.Values.shards) 1) }}
{{- end }}
{{- $_ := set $names "portal" (printf "%s:%s" (include "checkpoint-storage.volumeName" (merge (dict "context" $context) $last)) .) }}
{{- end }}
{{- $said := include "checkpoint-storage.readOnly.said" (dict "root" $context "section" $section) | mustFromJson }}
{{- $_ := set $names "readOnly" $said.by }}
{{- $_ := set $names "writable" $said.instead }}
{{- $_ := set $names "readOnlyOption" (include "checkpoint-storage.readOnly.option" .) }}
{{- $affinity := include "checkpoint-storage.nodeAffinity" . | mustFromJson }}
{{- $_ := set $names "dataSource" (include "checkpoint-storage.dataSource" . | mustFromJson) }}
{{- $facts := include "checkpoint-storage.facts" $context | mustFromJson }}
{{- $_ := set $names "mountType" (get ($facts.mountTypeFor | default dict) (get $section ($facts.mountOptionsBy | default "") | default "" | toString) | default $facts.mountType) }}
{{- $_ := set $names "modes" (get $facts.accessModes $context.Values.volumeMode | default (index dict "")) }}
{{- $needed := list }}
{{- $own := $context.Values.storageClass.parameters | default dict }}
{{- range $key := $facts.classRequired }}
{{- $given := hasKey $own (get ($facts.mapping.parameters | default dict) $key) }}
{{- range get ($facts.mapping.secrets | default dict) $key | default list }}
{{- $given = or $given (hasKey $own (printf "csi.storage.k8s.io/%s-secret-name" (kebabcase .))) }}
{{- end }}
{{- if not $given }}
{{- $needed = append $needed $key }}
{{- end }}
{{- end }}
{{- $_ := set $names "classRequired" $needed }}
{{- $_ := set $names "onWindows" (include "checkpoint-storage.rules.onWindows" $context | mustFromJson) }}
{{- $_ := set $names "overrides" (len $context.Values.shardOverrides) }}
{{- $mounted := include "checkpoint-storage.mountOptions.read" (include "checkpoint-storage.mountOptions" . | mustFromJson) | mustFromJson }}
{{- $_ := set $names "twice" (not (empty (include "checkpoint-storage.rules.twice" $mounted))) }}
{{- $options := $context.Values.mountOptions }}
{{- if kindIs "slice" $options }}
{{- $options = include "checkpoint-storage.mountOptions.read" $options | mustFromJson }}
{{- end }}
{{- dict
  "values" $values
  "section" $section
  "facts" $facts
  "affinity" $affinity
  "affinityKeys" (include "checkpoint-storage.rules.affinityKeys" (dict "affinity" $affinity) | mustFromJson)
  "affinityPins" (include "checkpoint-storage.rules.affinityKeys" (dict "affinity" $affinity "pins" true) | mustFromJson)
  "options" $options
  "mounted" $mounted
  "texts" (include "checkpoint-storage.rules.texts" . | mustFromJson)
  "attributes" (include "checkpoint-storage.rules.attributes" . | mustFromJson)
  "annotations" (include "checkpoint-storage.rules.annotations" $context | mustFromJson)
  "names" $names
| toJson }}
{{- end }}

{{/*
Inputs: a chart context, or dict "context" "shard". Outputs: the texts that the values give the backend's section, and a
shard's own, an item of a list each, as a JSON list.
*/}}
{{- define "checkpoint-storage.rules.texts" -}}
{{- $values := (.context | default .).Values }}
{{- $all := list }}
{{- $places := list (dict "key" $values.backend "section" (index $values $values.backend)) }}
{{- if and (hasKey . "shard") (lt (int .shard) (len $values.shardOverrides)) }}
{{- $places = append $places (dict "at" "shardOverrides" "key" (printf "shardOverrides[%d].source" (int .shard)) "section" (index $values.shardOverrides (int .shard)).source) }}
{{- end }}
{{- range $place := $places }}
{{- range $key, $value := $place.section }}
{{- $name := printf "%s.%s" $place.key $key }}
{{- range ternary $value (list $value) (kindIs "slice" $value) }}
{{- if kindIs "string" . }}
{{- $all = append $all (dict "at" ($place.at | default $name) "key" $name "value" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- $all | toJson }}
{{- end }}

{{/*
Inputs: a chart context, or dict "context" "shard". Outputs: what the values give the driver beside the section's own keys: the
attributes of a volume, and of a shard's own, and the parameters of a class, as a JSON list.
*/}}
{{- define "checkpoint-storage.rules.attributes" -}}
{{- $values := (.context | default .).Values }}
{{- $all := list }}
{{- $section := index $values $values.backend | default dict }}
{{- $places := list
  (dict "at" "volume.attributes" "given" $values.volume.attributes)
  (dict "at" "storageClass.parameters" "given" $values.storageClass.parameters)
  (dict "at" (printf "%s.volumeAttributes" $values.backend) "given" $section.volumeAttributes) }}
{{- if and (hasKey . "shard") (lt (int .shard) (len $values.shardOverrides)) }}
{{- $places = append $places (dict "at" "shardOverrides" "given" ((index $values.shardOverrides (int .shard)).source | default dict).volumeAttributes) }}
{{- end }}
{{- range $place := $places }}
{{- range $key, $value := $place.given }}
{{- $all = append $all (dict "at" $place.at "key" $key "value" (toString $value)) }}
{{- end }}
{{- end }}
{{- $all | toJson }}
{{- end }}

{{/*
Inputs: a chart context. Outputs: the keys by which pods of the chart's own are sent to nodes of Windows, where the scripts
do not run, as a JSON list.
*/}}
{{- define "checkpoint-storage.rules.onWindows" -}}
{{- $values := .Values }}
{{- $systems := list "beta.kubernetes.io/os" "kubernetes.io/os" }}
{{- $all := list }}
{{- $runs := dict
  "freshness" $values.freshness.maxAge
  "prepare" $values.prepare.enabled
  "test" (or $values.test.enabled $values.benchmark.enabled $values.freshness.maxAge) }}
{{- range $name, $on := $runs }}
{{- if $on }}
{{- $settings := get $values $name }}
{{- $terms := dig "nodeAffinity" "requiredDuringSchedulingIgnoredDuringExecution" "nodeSelectorTerms" list ($settings.affinity | default dict) | default list }}
{{- $linux := empty $terms }}
{{- range $term := $terms }}
{{- $fits := true }}
{{- range $term.matchExpressions }}
{{- $given := .values | default list }}
{{- if and (has .key $systems) (or (and (eq .operator "In") (empty (without $given "windows"))) (and (eq .operator "NotIn") (has "linux" $given))) }}
{{- $fits = false }}
{{- end }}
{{- end }}
{{- $linux = or $linux $fits }}
{{- end }}
{{- if not $linux }}
{{- $all = append $all (printf "%s.affinity" $name) }}
{{- end }}
{{- $other := false }}
{{- range $label, $system := $settings.nodeSelector }}
{{- $other = or $other (and (has $label $systems) (eq (toString $system) "windows")) }}
{{- end }}
{{- if $other }}
{{- $all = append $all (printf "%s.nodeSelector" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- $all | toJson }}
{{- end }}

{{/*
Inputs: a chart context. Outputs: the annotations and labels that the values give the storage, an item of the value each,
where that is a list, as a JSON list.
*/}}
{{- define "checkpoint-storage.rules.annotations" -}}
{{- $values := .Values }}
{{- $lists := (include "checkpoint-storage.file" (dict "context" . "file" "rules.json") | mustFromJson).delivery.lists }}
{{- $all := list }}
{{- range $at := list "claim.annotations" "claim.labels" "commonAnnotations" "commonLabels" "storageClass.annotations" "storageClass.labels" "volume.annotations" "volume.labels" }}
{{- $place := dict "path" $at "in" (dict "values" $values) }}
{{- include "checkpoint-storage.rules.at" $place }}
{{- range $key, $value := $place.value }}
{{- $text := include "checkpoint-storage.string" $value }}
{{- range ternary (splitList "," $text) (list $text) (has $key $lists) }}
{{- $all = append $all (dict "at" $at "key" $key "value" (trim .) "label" (regexMatch "[lL]abels$" $at)) }}
{{- end }}
{{- end }}
{{- end }}
{{- $all | toJson }}
{{- end }}

{{/*
Inputs: dict "affinity" and perhaps "pins". Outputs: the node labels of which each term of the affinity names values, a
JSON list; with "pins", those of which all terms name one value, the same, and that are not of the labels which
Kubernetes gives to many nodes alike. One of the terms has to hold, and one that is empty never does.
*/}}
{{- define "checkpoint-storage.rules.affinityKeys" -}}
{{- $in := . }}
{{- $common := dict }}
{{- $first := true }}
{{- $alike := "^((topology|failure-domain[.]beta|beta|node-role)[.]kubernetes[.]io/|node[.]kubernetes[.]io/instance-type$|kubernetes[.]io/(os|arch)$)" }}
{{- range dig "required" "nodeSelectorTerms" list .affinity }}
{{- with concat (.matchExpressions | default list) (.matchFields | default list) }}
{{- $keys := dict }}
{{- range . }}
{{- $values := ternary (.values | default list) list (eq (toString $in.pins) "true") }}
{{- if and (eq .operator "In") (or (not $in.pins) (and (eq (len $values) 1) (not (regexMatch $alike .key)))) (or $first (eq (get $common .key) (toJson $values))) }}
{{- $_ := set $keys .key (toJson $values) }}
{{- end }}
{{- end }}
{{- $common = $keys }}
{{- $first = false }}
{{- end }}
{{- end }}
{{- keys $common | sortAlpha | toJson }}
{{- end }}

{{/*
Dispatch to the backend that the values name. Nothing here, or in any other shared template, knows a backend's name:
what one is able to do is data (facts/<backend>.json, generated), what it renders are its hooks.
*/}}

{{/*
Inputs: dict "context" (a chart context) "file". Outputs: what stands in one of this chart's own JSON files. Everything that
reads them does so here: a parent's own context has other files, and .Subcharts.<alias> has these.
*/}}
{{- define "checkpoint-storage.file" -}}
{{- $text := "" }}
{{- with .context.Files }}
{{- $text = .Get $.file }}
{{- end }}
{{- if not $text }}
{{- fail (printf "\n\nthe context that a define of checkpoint-storage was given has no file %s.\n  Fix: pass .Subcharts.<alias>, where <alias> is that of the store\n" .file) }}
{{- end }}
{{- $text }}
{{- end }}

{{/* Outputs: what the chosen backend can do, as JSON. */}}
{{- define "checkpoint-storage.facts" -}}
{{- include "checkpoint-storage.file" (dict "context" . "file" (printf "facts/%s.json" .Values.backend)) }}
{{- end }}

{{/*
Inputs: a chart context, or dict "context" "shard". Outputs: the backend's section, its defaults filled in, as JSON.
Keys are set one by one: sprig's merge would lose a user's false. {shard} becomes the shard's number, where that is known.
*/}}
{{- define "checkpoint-storage.section" -}}
{{- $context := .context | default . }}
{{- $facts := include "checkpoint-storage.facts" $context | mustFromJson }}
{{- $section := $facts.defaults }}
{{- range $key, $value := index $context.Values $context.Values.backend }}
{{- /* An overlay removes a key of the base file with null. */}}
{{- if not (kindIs "invalid" $value) }}
{{- $_ := set $section $key $value }}
{{- end }}
{{- end }}
{{- if hasKey . "shard" }}
{{- $overrides := $context.Values.shardOverrides }}
{{- if and $overrides (lt (int .shard) (len $overrides)) }}
{{- range $key, $value := (index $overrides (int .shard)).source }}
{{- $_ := set $section $key $value }}
{{- end }}
{{- end }}
{{- $section | toJson | replace "{shard}" (toString .shard) }}
{{- else }}
{{- $section | toJson }}
{{- end }}
{{- end }}

{{/*
Inputs: a chart context, or dict "context" "shard". Outputs: the volume's node affinity as JSON: the values' own, or the
one that follows from where the section says that the storage is.
*/}}
{{- define "checkpoint-storage.nodeAffinity" -}}
{{- $context := .context | default . }}
{{- $affinity := $context.Values.volume.nodeAffinity }}
{{- $shard := "{shard}" }}
{{- if hasKey . "shard" }}
{{- $shard = toString .shard }}
{{- $overrides := $context.Values.shardOverrides }}
{{- if and $overrides (lt (int .shard) (len $overrides)) }}
{{- $affinity = (index $overrides (int .shard)).nodeAffinity | default $affinity }}
{{- end }}
{{- end }}
{{- if not $affinity }}
{{- $topology := (include "checkpoint-storage.facts" $context | mustFromJson).mapping.topology }}
{{- $expressions := list }}
{{- range include "checkpoint-storage.csi.topology" (dict "section" (include "checkpoint-storage.section" . | mustFromJson) "topology" $topology) | mustFromJson }}
{{- $expressions = append $expressions (set . "operator" "In") }}
{{- end }}
{{- if $expressions }}
{{- $affinity = dict "required" (dict "nodeSelectorTerms" (list (dict "matchExpressions" $expressions))) }}
{{- end }}
{{- end }}
{{- $affinity | toJson | replace "{shard}" $shard }}
{{- end }}

{{/*
Inputs: a chart context, or dict "context" "shard". Outputs: the mount options as a JSON list: the values' list when there
is one, the backend's defaults otherwise; and in either case those that keys of the section stand for, and the one by
which a store that is only read is mounted so.
*/}}
{{- define "checkpoint-storage.mountOptions" -}}
{{- $context := .context | default . }}
{{- $values := $context.Values }}
{{- $facts := include "checkpoint-storage.facts" $context | mustFromJson }}
{{- $section := include "checkpoint-storage.section" . | mustFromJson }}
{{- $options := list }}
{{- if and (hasKey $values "mountOptions") (not (kindIs "invalid" $values.mountOptions)) }}
{{- $options = $values.mountOptions }}
{{- if not $facts.mountOptionsVerbatim }}
{{- $options = include "checkpoint-storage.mountOptions.read" $options | mustFromJson }}
{{- end }}
{{- else if eq $values.volumeMode "Filesystem" }}
{{- $options = get ($facts.mountOptionsFor | default dict) (get $section $facts.mountOptionsBy | toString) | default $facts.mountOptions }}
{{- end }}
{{- range $key, $option := $facts.mapping.mountOptions }}
{{- $value := get $section $key }}
{{- if and (kindIs "bool" $value) $value }}
{{- $options = append $options $option }}
{{- else if not (or (kindIs "bool" $value) (kindIs "invalid" $value) (eq (toString $value) "")) }}
{{- $options = append $options (replace "{}" (include "checkpoint-storage.string" $value) $option) }}
{{- end }}
{{- end }}
{{- with include "checkpoint-storage.readOnly.option" . }}
{{- $options = append (without $options .) . }}
{{- end }}
{{- $options | toJson }}
{{- end }}

{{/*
Inputs: a list of mount options as written in the values. Outputs: them one by one as mount -o has them, a JSON list: what
stands in one item with commas between is several, and dashes are the command line's.
*/}}
{{- define "checkpoint-storage.mountOptions.read" -}}
{{- $read := list }}
{{- range . }}
{{- range regexFindAll "([^,\"]|\"[^\"]*\"|\")+" . -1 }}
{{- with regexReplaceAll "^(--+|-o\\s*|-)" (trim .) "" }}
{{- $read = append $read . }}
{{- end }}
{{- end }}
{{- end }}
{{- uniq $read | toJson }}
{{- end }}

{{/* Inputs: dict "context" and perhaps "shard". Outputs: what hooks take, as JSON without the root: section and volume name. */}}
{{- define "checkpoint-storage.hook.arguments" -}}
{{- dict "section" (include "checkpoint-storage.section" . | mustFromJson) "volume" (include "checkpoint-storage.volumeName" .) | toJson }}
{{- end }}

{{/*
Inputs: dict "hook" "root" "section" "volume". Outputs: what the chosen backend's hook says; nothing where it has none.
Every hook takes (dict "root" <chart context> "section" <the backend's values> "volume" <volume name>).
*/}}
{{- define "checkpoint-storage.hook" -}}
{{- if has .hook (include "checkpoint-storage.facts" .root | mustFromJson).hooks }}
{{- include (printf "checkpoint-storage.backend.%s.%s" .root.Values.backend .hook) (omit . "hook") }}
{{- end }}
{{- end }}

{{/* Inputs: dict "context" and perhaps "shard". Outputs: the volume source; without a hook it is a CSI volume. */}}
{{- define "checkpoint-storage.source" -}}
{{- $in := merge (dict "root" .context) (include "checkpoint-storage.hook.arguments" . | mustFromJson) }}
{{- $_ := set $in "handle" (.context.Values.volume.handle | default "" | replace "{shard}" (.shard | toString)) }}
{{- include "checkpoint-storage.hook" (merge (dict "hook" "source") $in) | default (include "checkpoint-storage.csi.source" $in) }}
{{- end }}

{{/*
A store that pods only read. The kubelet goes by the pod's reference to the claim, never by the readOnly of a
PersistentVolume, and ReadOnlyMany is a matter of binding: so what makes a store read-only is one answer here, which pods,
mount options and volumes all follow.
*/}}

{{/*
Inputs: dict "root" (a chart context) and "section" (the backend's). Outputs: which values say that pods only read, and
what to write to have them write, as JSON: {"by": ["readOnly: true"], "instead": ["readOnly: false"]}.
*/}}
{{- define "checkpoint-storage.readOnly.said" -}}
{{- $values := .root.Values }}
{{- $by := list }}
{{- $instead := list }}
{{- if $values.readOnly }}
{{- $by = append $by "readOnly: true" }}
{{- $instead = append $instead "readOnly: false" }}
{{- end }}
{{- if .section.readOnly }}
{{- $by = append $by (printf "%s.readOnly: true" $values.backend) }}
{{- $instead = append $instead (printf "%s.readOnly: false" $values.backend) }}
{{- end }}
{{- if eq (join "," $values.accessModes) "ReadOnlyMany" }}
{{- $modes := get (include "checkpoint-storage.facts" .root | mustFromJson).accessModes $values.volumeMode }}
{{- $by = append $by "accessModes: [ReadOnlyMany]" }}
{{- $instead = append $instead (printf "accessModes: [%s]" (first ($modes | default (list "ReadWriteMany")))) }}
{{- end }}
{{- dict "by" $by "instead" $instead | toJson }}
{{- end }}

{{/* Inputs: as above. Outputs: "true" where pods only read the store, otherwise nothing. */}}
{{- define "checkpoint-storage.readOnly.in" -}}
{{- if (include "checkpoint-storage.readOnly.said" (pick . "root" "section") | mustFromJson).by }}true{{ end }}
{{- end }}

{{/* Inputs: a chart context, or dict "context" "shard". Outputs: the same. */}}
{{- define "checkpoint-storage.readOnly" -}}
{{- include "checkpoint-storage.readOnly.in" (dict "root" (.context | default .) "section" (include "checkpoint-storage.section" . | mustFromJson)) }}
{{- end }}

{{/*
Inputs: a chart context, or dict "context" "shard". Outputs: the option by which the volume is mounted read-only for every
pod; nothing if pods write, if the driver supports none, and if the volume is not the chart's.
*/}}
{{- define "checkpoint-storage.readOnly.option" -}}
{{- $context := .context | default . }}
{{- $values := $context.Values }}
{{- $here := or (eq $values.provisioning "static") (and (eq $values.provisioning "dynamic") $values.storageClass.create) }}
{{- if and $here (eq $values.volumeMode "Filesystem") (include "checkpoint-storage.readOnly" .) }}
{{- $facts := include "checkpoint-storage.facts" $context | mustFromJson }}
{{- $in := dict "values" $values "section" (include "checkpoint-storage.section" . | mustFromJson) "facts" $facts }}
{{- $option := "" }}
{{- range $facts.readOnly.options }}
{{- if and (not $option) (or (not .when) (include "checkpoint-storage.rules.hold" (dict "when" .when "in" $in))) }}
{{- $option = .option }}
{{- end }}
{{- end }}
{{- $option }}
{{- end }}
{{- end }}

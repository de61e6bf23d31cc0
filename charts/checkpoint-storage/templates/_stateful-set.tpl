{{/*
For a StatefulSet, whose pods take one claim each from its volumeClaimTemplates: the claims of the store's shards. The
StatefulSet looks for <template>-<StatefulSet>-<ordinal> and makes only what is not there, so it takes the chart's claims
when they have these names, which claim.name has to say: another one is refused, with the name to set.

Inputs: dict "context" (this chart's), "statefulSet" (its name). Outputs: an entry of volumeClaimTemplates. A container
mounts it as every other volume, by checkpoint-storage.volumeMount with dict "context", and the pod lists no volume.
*/}}
{{- define "checkpoint-storage.volumeClaimTemplate" -}}
{{- $root := .context }}
{{- $template := include "checkpoint-storage.podVolumeName" (dict "context" $root) }}
{{- $want := printf "%s-%s" $template .statefulSet }}
{{- $have := include "checkpoint-storage.claimName" (dict "context" $root "shard" 0) | trimSuffix "-0" }}
{{- $key := ternary "claim.existing" "claim.name" (eq $root.Values.provisioning "existing") }}
{{- $refusal := "" }}
{{- if gt (len $want) 57 }}
{{- $refusal = printf "the claims would be named %s-0 and so on, which is too long.\n  Fix: shorten the name of the StatefulSet by %d characters" $want (sub (len $want) 57) }}
{{- else if ne $have $want }}
{{- $refusal = printf "StatefulSet %s takes claims named %s-0 and so on, and the store's are named %s-0 and so on.\n  Fix: set %s.%s: %s" .statefulSet $want $have $root.Chart.Name $key $want }}
{{- end }}
{{- if $refusal }}
{{- fail (printf "\n\n%s %q in namespace %q: %s: %s\n" $root.Chart.Name $root.Release.Name (include "checkpoint-storage.namespace" $root) $key $refusal) }}
{{- end -}}
metadata:
  name: {{ $template | quote }}
spec: {{- include "checkpoint-storage.persistentVolumeClaim.spec" (dict "context" $root "template" true) | nindent 2 }}
{{- end }}

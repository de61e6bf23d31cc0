{{/*
An Azure Blob container, mounted by blobfuse or over NFS.
*/}}

{{/* Outputs: further volume attributes. */}}
{{- define "checkpoint-storage.backend.azureBlob.attributes" -}}
{{- with .section.workloadIdentityClientId -}}
ClientID: {{ . | quote }}
mountWithWorkloadIdentityToken: "true"
{{- end }}
{{- end }}

{{/* Outputs: labels that a pod needs to mount the claim. */}}
{{- define "checkpoint-storage.backend.azureBlob.podLabels" -}}
{{- if .section.workloadIdentityClientId -}}
azure.workload.identity/use: "true"
{{- end }}
{{- end }}

{{/*
An Azure Blob container, mounted by blobfuse or over NFS.
*/}}

{{/* Outputs: further volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.azureBlob.attributes" -}}
{{- if .section.workloadIdentityClientId }}
{{- dict "mountWithWorkloadIdentityToken" "true" | toJson }}
{{- end }}
{{- end }}

{{/* Outputs: further parameters of the StorageClass, as JSON: the same. */}}
{{- define "checkpoint-storage.backend.azureBlob.parameters" -}}
{{- include "checkpoint-storage.backend.azureBlob.attributes" . }}
{{- end }}

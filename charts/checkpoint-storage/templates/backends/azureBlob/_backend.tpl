{{/*
An Azure Blob container, mounted by blobfuse or over NFS.
*/}}

{{/* Outputs: further volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.azureBlob.attributes" -}}
{{- with .section.workloadIdentityClientId }}
{{- dict "ClientID" . "mountWithWorkloadIdentityToken" "true" | toJson }}
{{- end }}
{{- end }}

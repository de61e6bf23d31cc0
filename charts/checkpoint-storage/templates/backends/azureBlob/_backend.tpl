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

{{/*
An IBM Cloud Object Storage bucket. The driver looks up a volume's bucket in the PersistentVolume of the handle's name,
so the handle is the volume's name.
*/}}

{{/* Outputs: volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.ibmCos.attributes" -}}
{{ dict "client" "awss3" | toJson }}
{{- end }}

{{/* Outputs: parameters of the StorageClass, as JSON. */}}
{{- define "checkpoint-storage.backend.ibmCos.parameters" -}}
{{ dict "client" "awss3" | toJson }}
{{- end }}

{{/*
An IBM Cloud Object Storage bucket. The driver looks up a volume's bucket in the PersistentVolume of the handle's name,
so the handle is the volume's name.
*/}}

{{/* Outputs: volume attributes, as YAML. */}}
{{- define "checkpoint-storage.backend.ibmCos.attributes" -}}
client: awss3
{{- end }}

{{/* Outputs: parameters of the StorageClass, as YAML. */}}
{{- define "checkpoint-storage.backend.ibmCos.parameters" -}}
client: awss3
{{- end }}

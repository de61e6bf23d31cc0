{{/*
A Ceph block image.
*/}}

{{/* Outputs: the volume handle; of a static volume, it is the image's name. */}}
{{- define "checkpoint-storage.backend.cephRbd.handle" -}}
{{ .section.image }}
{{- end }}

{{/* Outputs: volume attributes, as JSON. */}}
{{- define "checkpoint-storage.backend.cephRbd.attributes" -}}
{{ dict "staticVolume" "true" | toJson }}
{{- end }}

{{/* Outputs: further parameters of the StorageClass, as JSON: a volume attributes class changes an image with this secret. */}}
{{- define "checkpoint-storage.backend.cephRbd.parameters" -}}
{{- $ref := .section.provisionerSecretRef }}
{{- $prefix := "csi.storage.k8s.io/controller-modify-secret-" }}
{{ dict (print $prefix "name") $ref.name (print $prefix "namespace") ($ref.namespace | default (include "checkpoint-storage.namespace" .root)) | toJson }}
{{- end }}

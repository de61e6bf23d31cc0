{{/*
A DigitalOcean volume.
*/}}

{{/* Outputs: the volume handle. */}}
{{- define "checkpoint-storage.backend.digitalOcean.handle" -}}
{{ .section.volumeId }}
{{- end }}

{{/*
Outputs: volume attributes, as JSON. The driver asks whether the key is there, whatever its value; the key of its
documentation, com.digitalocean.csi/noformat, it does not know.
https://github.com/digitalocean/csi-digitalocean/blob/0711283d/driver/node.go
*/}}
{{- define "checkpoint-storage.backend.digitalOcean.attributes" -}}
{{- if .section.noFormat }}
{{- dict "dobs.csi.digitalocean.com/noformat" "true" | toJson }}
{{- end }}
{{- end }}

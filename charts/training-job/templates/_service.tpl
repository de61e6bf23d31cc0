{{/* Outputs: the Service that gives every worker a name, by which they find rank 0, from before they are ready. For workloads whose operator makes none. */}}
{{- define "training-job.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "training-job.name" . | quote }}
  labels: {{- include "training-job.labels" . | nindent 4 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {{- include "training-job.selector" . | nindent 4 }}
{{- end }}

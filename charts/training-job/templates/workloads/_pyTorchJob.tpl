{{/*
A PyTorchJob of the Kubeflow training operator (kubeflow.org/v1), which Kubeflow Trainer and its TrainJob have replaced; for
platforms that still have it. Rank 0 is its Master, the other ranks are its Workers.
The operator sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in each container itself, and makes the Services. It has
one pod template for all workers, so every rank mounts the same claims.

With ExitCode a worker is replaced when a signal ended it (137, 143), and the training fails when it gave up by itself.
Before a worker the operator runs its own init container, which waits for rank 0 and does not say what the restricted
profile of Pod Security asks for: baseline is needed, or a template of yours in the operator's configuration.
*/}}
{{- define "training-job.workload.pyTorchJob" -}}
{{- include "training-job.sameForAll" (dict "root" . "why" "a PyTorchJob has one pod template for all its workers") }}
{{- $workers := int .Values.workers -}}
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {{- include "training-job.workloadMetadata" . | nindent 2 }}
spec:
  nprocPerNode: {{ .Values.processesPerWorker | int | quote }}
  runPolicy:
    cleanPodPolicy: Running
    {{- with .Values.ttlSecondsAfterFinished }}
    ttlSecondsAfterFinished: {{ int . }}
    {{- end }}
    # It counts the failures of all workers together.
    backoffLimit: {{ mul $workers (int .Values.backoffLimitPerWorker) }}
  pytorchReplicaSpecs:
    {{- range $role, $replicas := dict "Master" 1 "Worker" (sub $workers 1) }}
    {{- if $replicas }}
    {{ $role }}:
      replicas: {{ $replicas }}
      restartPolicy: ExitCode
      template: {{- include "training-job.pod" (dict "root" $ "container" "pytorch" "restartPolicy" "") | nindent 8 }}
    {{- end }}
    {{- end }}
{{- end }}

{{- define "training-job.notes.pyTorchJob" -}}
How far it is:
  kubectl -n {{ .Release.Namespace }} get pytorchjob {{ include "training-job.name" . }}

Kill a worker and it resumes from the newest checkpoint:
  kubectl -n {{ .Release.Namespace }} delete pod {{ include "training-job.name" . }}-worker-0 --grace-period=1
{{- end }}

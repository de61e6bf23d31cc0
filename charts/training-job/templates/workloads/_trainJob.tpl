{{/*
A TrainJob of Kubeflow Trainer 2.2 or newer. Its pods come from a runtime that the platform provides; what the workers and
the stores need is laid over it. The runtime has one Job for all workers, so every rank mounts the same claims. How often
a worker is replaced is for the runtime to say too.

Trainer passes each pod its number, and where the pods meet, in torchrun's variables, PET_*.
*/}}
{{- define "training-job.workload.trainJob" -}}
{{- include "training-job.unheeded" (dict "root" . "keys" (list "priorityClassName" "runtimeClassName" "ttlSecondsAfterFinished") "why" "a TrainJob leaves that to its runtime") }}
{{- include "training-job.sameForAll" (dict "root" . "why" "a training runtime has one pod template for all workers") }}
{{- $pod := include "training-job.read" (include "training-job.pod" (dict "root" . "container" "node")) | mustFromJson }}
{{- $worker := first $pod.spec.containers -}}
apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainJob
metadata: {{- include "training-job.workloadMetadata" . | nindent 2 }}
spec:
  runtimeRef:
    apiGroup: trainer.kubeflow.org
    kind: {{ .Values.trainJob.runtime.kind }}
    name: {{ .Values.trainJob.runtime.name | quote }}
  trainer:
    numNodes: {{ .Values.workers | int }}
    numProcPerNode: {{ .Values.processesPerWorker | int }}
    {{- pick $worker "image" "command" "args" "env" | toYaml | nindent 4 }}
    {{- with $worker.resources }}
    resourcesPerNode: {{- toYaml . | nindent 6 }}
    {{- end }}
  runtimePatches:
    - manager: training-job
      trainingRuntimeSpec:
        template:
          spec:
            replicatedJobs:
              - name: node
                template:
                  spec:
                    template:
                      metadata: {{- toYaml $pod.metadata | nindent 24 }}
                      spec:
                        {{- pick $pod.spec "serviceAccountName" "imagePullSecrets" "nodeSelector" "affinity" "tolerations" "terminationGracePeriodSeconds" "securityContext" "volumes" | toYaml | nindent 24 }}
                        containers:
                          - {{- pick $worker "name" "volumeMounts" "securityContext" | toYaml | nindent 28 }}
{{- end }}

{{- define "training-job.notes.trainJob" -}}
How far it is:
  kubectl -n {{ .Release.Namespace }} get trainjob {{ include "training-job.name" . }}

A TrainJob cannot be changed while it is there. To change the training, uninstall and install again: the claim stays, and
the training resumes from what it saved.
{{- end }}

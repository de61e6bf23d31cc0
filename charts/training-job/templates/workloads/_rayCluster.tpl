{{/*
A RayCluster of KubeRay (ray.io/v1): a head and as many workers, all of which mount the claims. It runs what is submitted
to it, so the image is one with Ray, command and args are left to KubeRay, and CHECKPOINT_DIR is what a program takes for
its storage_path. Ray decides where a rank runs, and a rank that moves needs its checkpoints there: every pod mounts the
same claims.
*/}}
{{- define "training-job.workload.rayCluster" -}}
{{- include "training-job.unheeded" (dict "root" . "keys" (list "ttlSecondsAfterFinished") "why" "a RayCluster ends when it is deleted") }}
{{- include "training-job.sameForAll" (dict "root" . "why" "Ray decides which worker is which rank") }}
{{- $workers := int .Values.workers }}
{{- $pod := dict "root" . "command" list "restartPolicy" "" -}}
apiVersion: ray.io/v1
kind: RayCluster
metadata: {{- include "training-job.workloadMetadata" . | nindent 2 }}
spec:
  headGroupSpec:
    rayStartParams:
      dashboard-host: 0.0.0.0
      # Training runs on the workers.
      num-cpus: "0"
    template: {{- include "training-job.pod" (merge (dict "container" "ray-head") $pod) | nindent 6 }}
  workerGroupSpecs:
    - groupName: workers
      replicas: {{ $workers }}
      minReplicas: {{ $workers }}
      maxReplicas: {{ $workers }}
      rayStartParams: {}
      template: {{- include "training-job.pod" (merge (dict "container" "ray-worker") $pod) | nindent 8 }}
{{- end }}

{{- define "training-job.notes.rayCluster" -}}
It waits for work. Submit a program that saves to the CHECKPOINT_DIR of its environment:
  kubectl -n {{ .Release.Namespace }} port-forward svc/{{ include "training-job.name" . }}-head-svc 8265 &
  ray job submit --address http://localhost:8265 --working-dir . -- python train.py
{{- end }}

#!/usr/bin/env bash
# The main job, shown: values become a bound volume, a trainer saves to it and is killed, another pod finds every byte.
source "$(dirname "$0")/lib.sh"
source "$root/ci/demo/lib.sh"

say "about $(lasting 150); where nothing is cached, tools and images are made first, which takes half an hour"

namespace=checkpoint-demo
chart=$root/charts/checkpoint-storage
values=$build/demo.values.yaml

# start NAME runs a pod of demo/pod.yaml with the facts that the store's ConfigMap publishes.
start() {
  local facts
  facts=$(k get configmap checkpoints-store --output 'jsonpath={.data.CHECKPOINT_CLAIMS} {.data.CHECKPOINT_DIR}')
  sed -e "s,\$NAME,$1,g" -e "s,\$IMAGE,$image,g" -e "s,\$CHECKPOINT_CLAIMS,${facts% *}," \
    -e "s,\$CHECKPOINT_DIR,${facts#* }," "$root/ci/demo/pod.yaml" | k apply --filename - >/dev/null
}

# ended POD waits for the pod to finish and fails unless it succeeded.
ended() {
  k wait "pod/$1" --for=jsonpath='{.status.phase}'=Succeeded --timeout="$patience" >/dev/null || {
    k describe pod "$1" | tail -n 20 >&2
    k logs "$1" >&2
    die "pod $1 did not succeed"
  }
}

step "a Kubernetes cluster: one control plane, two workers"
"$root/ci/cluster.sh" up
"$root/ci/tools.sh" helm kubectl
image=$(helm show values "$chart" --jsonpath '{.test.image.repository}:{.test.image.tag}')
kubectl get nodes
kubectl create namespace "$namespace" --dry-run=client --output yaml | kubectl apply --filename - >/dev/null

step "the store: a directory of one node, so every pod that mounts it is sent to that node"
cat >"$values" <<END
# What is different in this cluster.
volume:
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$cluster-worker]}]
# The directory that the node makes belongs to root; the demo's pods save as its owner.
podSecurityContext: {runAsUser: 0}
END
cat "$values"
run helm upgrade --install checkpoints "$chart" --namespace "$namespace" --values "$values" --wait --timeout 60s \
  >"$build/demo.log" ||
  die "the install failed, see $build/demo.log"
k wait pvc/checkpoints --for=jsonpath='{.status.phase}'=Bound --timeout="$patience" >/dev/null
k get pvc checkpoints

step "a trainer saves sharded checkpoints"
k delete pod writer reader --ignore-not-found --now >/dev/null
k create configmap demo-scripts --from-file "$root/ci/demo/writer.sh" --from-file "$root/ci/demo/reader.sh" \
  --dry-run=client --output yaml | k apply --filename - >/dev/null
start writer
k wait pod/writer --for=condition=Ready --timeout="$patience" >/dev/null
for ((i = 0; i < 240; i++)); do
  [ "$(k logs writer | grep -c saved)" -lt 2 ] || break
  sleep 0.25
done
k logs writer
[ "$(k logs writer | grep -c saved)" -ge 2 ] || die "the trainer saved nothing"

step "it is killed in the middle of the next save"
# The shell of the writer heeds no SIGTERM: after a second it is killed, and kubectl waits until it is gone.
run kubectl --namespace "$namespace" delete pod writer --now

step "a second pod mounts the claim and verifies the newest checkpoint"
start reader
ended reader
k logs reader
verified=$(k logs reader | sed -n 's/^verified //p')

step "the chart's own test: two pods save as frameworks do"
run helm test checkpoints --namespace "$namespace" >"$build/demo.log" 2>&1 ||
  { cat "$build/demo.log" >&2; die "helm test failed"; }
sed -n '/^CHECKED/,/^the claim/p' "$build/demo.log"

step "done"
volume=$(k get pvc checkpoints --output 'jsonpath={.spec.volumeName}')
{
  echo "CLAIM|VOLUME|PHASE|CHECKPOINT|BYTES|VERIFIED"
  echo "$namespace/checkpoints|$volume|$(k get pvc checkpoints --output 'jsonpath={.status.phase}')|${verified% * bytes}|$(cut -d' ' -f2 <<<"$verified")|sha256 of every shard"
} | column --table --separator '|'
printf '\nLook around:  export KUBECONFIG=%s; kubectl -n %s get pv,pvc,configmap,pod\nTake it down: make clean-cluster\n' \
  "$KUBECONFIG" "$namespace"

#!/usr/bin/env bash
# The second part of the demo: PyTorch trains on a claim, a worker is killed, training resumes, and ends with the very
# parameters of a run that was left alone.
source "$(dirname "$0")/lib.sh"
source "$root/ci/demo/lib.sh"

namespace=checkpoint-demo-trainer
chart=$root/charts/training-job
directory=/mnt/shared/demo-trainer
workers=4
every=5

# train NAME installs the example chart on a separate directory that all nodes share.
train() {
  docker exec "$cluster-worker" sh -c "mkdir -p $directory/$1 && chmod 1777 $directory/$1 && rm -rf $directory/$1/*"
  cat >"$build/demo-$1.values.yaml" <<END
workers: $workers
image: {repository: ${TRAINER_IMAGE%:*}, tag: ${TRAINER_IMAGE##*:}, pullPolicy: Never}
training: {steps: 40, saveEvery: $every, peerTimeoutSeconds: 60}
checkpoints:
  accessModes: [ReadWriteMany]
  size: 1Gi
  hostPath: {path: $directory/$1, sharedMount: true}
END
  run helm install "$1" "$chart" --namespace "$namespace" --values "$build/demo-$1.values.yaml" >"$build/demo.log" ||
    die "the install failed, see $build/demo.log"
}

# remove takes the namespace away. Its Jobs go first: one would go on making pods, and holding on to those that it made.
remove() {
  k delete jobs --all >/dev/null
  k delete pods --all --now >/dev/null
  kubectl delete namespace "$namespace" --ignore-not-found "$@" >/dev/null
}

# said NAME prints what rank 0 has said.
said() { k logs --selector "app.kubernetes.io/instance=$1,batch.kubernetes.io/job-completion-index=0" --tail=-1 2>/dev/null || :; }

# until_said NAME PATTERN waits until rank 0 has said a line like that, and prints it.
until_said() {
  local i
  for ((i = 0; i < 480; i++)); do
    said "$1" | grep -E "$2" && return
    sleep 0.25
  done
  k get pods >&2
  said "$1" | tail -n 20 >&2
  die "the training $1 does not get there"
}

step "an image with PyTorch on the nodes, made of Debian's packages"
"$root/ci/trainer-image.sh"
# shellcheck disable=SC1091  # written by cluster.sh
source "$build/cluster.env"
export DOCKER_HOST
helm dependency update "$chart" >/dev/null
# What a demo before this one left: its claims were kept, as they should be.
remove --timeout="$patience"
kubectl delete pv --selector "app.kubernetes.io/name=checkpoints,app.kubernetes.io/instance in (left-alone,killed)" >/dev/null
kubectl create namespace "$namespace" >/dev/null

step "$workers workers train on two nodes, and are left alone"
train left-alone
until_said left-alone "finished step"
expected=$(said left-alone | sed -n 's/.*parameters sha256 //p')

step "the same training again; a worker is killed in the middle"
train killed
until_said killed "saved step $((every * 3)) "
victim=$(k get pods --selector app.kubernetes.io/instance=killed,batch.kubernetes.io/job-completion-index=2 --output name)
reached=$(said killed | sed -n 's/.* step \([0-9]*\) loss.*/\1/p' | tail -n 1)
run kubectl --namespace "$namespace" delete "$victim" --grace-period=1
resumed=$(until_said killed "resumed from step")
echo "$resumed"
until_said killed "finished step"
actual=$(said killed | sed -n 's/.*parameters sha256 //p')
[ "$actual" = "$expected" ] || die "the parameters differ: $expected left alone, $actual killed"

step "done"
{
  echo "TRAINING|REACHED|KILLED|RESUMED FROM|FINAL PARAMETERS"
  echo "left alone|step 40|||${expected:0:16}…"
  echo "killed|step 40|rank 2 after step $reached|step ${resumed##* }|${actual:0:16}… the same"
} | column --table --separator '|'
remove --wait=false

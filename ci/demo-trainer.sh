#!/usr/bin/env bash
# The second part of the demo: PyTorch trains on a claim. The ranks of a worker are killed, training resumes, and ends with the
# very parameters of a run that was left alone; another is gone on with by half as many workers, and ends with the same but for
# rounding.
source "$(dirname "$0")/lib.sh"
source "$root/ci/demo/lib.sh"

namespace=checkpoint-demo-trainer
chart=$root/charts/training-job
directory=/mnt/shared/demo-trainer
workers=4
every=5

# empty NAME makes a separate directory that all nodes share.
empty() { docker exec "$cluster-worker" sh -c "mkdir -p $directory/$1 && chmod 1777 $directory/$1 && rm -rf $directory/$1/*"; }

# train NAME [WORKERS] installs the example chart on that directory.
train() {
  cat >"$build/demo-$1.values.yaml" <<END
workers: ${2:-$workers}
image: {repository: ${TRAINER_IMAGE%:*}, tag: ${TRAINER_IMAGE##*:}, pullPolicy: Never}
training: {steps: 40, saveEvery: $every, peerTimeoutSeconds: 60}
# Every rank draws its own mask: with one, another number of ranks would be another training.
env: [{name: DROPOUT, value: "0"}, {name: STEP_SECONDS, value: "0.1"}]
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
kubectl delete pv --selector "app.kubernetes.io/name=checkpoints,app.kubernetes.io/instance in (left-alone,killed,halved)" >/dev/null
kubectl create namespace "$namespace" >/dev/null

# ended NAME prints the norm and the hash of the parameters that a training has ended with.
ended() { until_said "$1" "finished step" | sed -n 's/.*norm \([^ ]*\) parameters sha256 \(.*\)/\1 \2/p'; }

step "$workers workers train on two nodes, and are left alone"
empty left-alone
train left-alone
read -r norm hash < <(ended left-alone)
echo "parameters: norm $norm, sha256 $hash"

step "the same training again; the processes of a worker are killed"
empty killed
train killed
until_said killed "saved step $((every * 3)) "
victim=$(k get pods --selector app.kubernetes.io/instance=killed,batch.kubernetes.io/job-completion-index=2 --output name)
reached=$(said killed | sed -n 's/.* step \([0-9]*\) loss.*/\1/p' | tail -n 1)
# All but the first process of its container, torchrun, which starts them again.
run kubectl --namespace "$namespace" exec "$victim" -- python3 -c 'import os; os.kill(-1, 9)' || :
resumed=$(until_said killed "resumed from step")
echo "$resumed"
read -r killed_norm killed_hash < <(ended killed)
[ "$killed_hash" = "$hash" ] || die "the parameters differ: $hash left alone, $killed_hash killed"

step "the same training again, gone on with by half as many workers"
empty halved
train halved
until_said halved "saved step $((every * 3)) "
run helm uninstall halved --namespace "$namespace" --wait >/dev/null
train halved $((workers / 2))
halved=$(until_said halved "resumed from step")
echo "$halved"
read -r halved_norm halved_hash < <(ended halved)
[ "${halved_norm:0:6}" = "${norm:0:6}" ] || die "the parameters differ by more than rounding: norm $norm left alone, $halved_norm halved"

step "done"
{
  echo "TRAINING|WORKERS|KILLED|RESUMED FROM|FINAL PARAMETERS|NORM"
  echo "left alone|$workers|||${hash:0:16}…|$norm"
  echo "killed|$workers|rank 2 after step $reached|step ${resumed##* }|${killed_hash:0:16}… the same|$killed_norm"
  echo "halved|$workers, then $((workers / 2))||step ${halved##* }|${halved_hash:0:16}…|$halved_norm"
} | column --table --separator '|'
remove --wait=false

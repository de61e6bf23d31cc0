#!/usr/bin/env bash
# The kind cluster of this checkout: one control plane and two workers.
# Usage: cluster.sh up      makes it, or takes the one that is there and healthy; writes .build/kubeconfig
#        cluster.sh down    removes it, and the Docker engine where `up` had to start one
source "$(dirname "$0")/lib.sh"

kubeconfig=$build/kubeconfig
export KUBECONFIG=$kubeconfig

exists() { kind get clusters 2>/dev/null | grep -qx "$cluster"; }

# made_from says what the cluster was made from: when that changes, the cluster is recreated.
made_from() { key "$root/ci/cluster.yaml" "$root"/ci/node/*; printf '%s\n' "$1"; }

healthy() {
  local nodes ready
  [ -f "$kubeconfig" ] && [ "$(cat "$build/cluster.key" 2>/dev/null)" = "$(made_from "$1")" ] || return 1
  # By name: the storage node is one more, and not kind's.
  mapfile -t nodes < <(kind get nodes --name "$cluster" 2>/dev/null)
  [ ${#nodes[@]} = "$(grep -c 'role:' "$root/ci/cluster.yaml")" ] || return 1
  ready=$(kubectl --request-timeout=5s get nodes "${nodes[@]}" \
    --output 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' 2>/dev/null) || return 1
  [ "$(grep -cx True <<<"$ready")" = ${#nodes[@]} ]
}

# Every node takes about twenty of the inotify instances that a user may have, of which kernels give 128.
instances=/proc/sys/fs/inotify/max_user_instances enough=1024

# watchers raises the limit for the machine where that may be done, and is needed.
watchers() {
  [ -w "$instances" ] && [ "$(<"$instances")" -lt "$enough" ] || return 0
  say "raising fs.inotify.max_user_instances from $(<"$instances") to $enough: every node takes some"
  echo "$enough" >"$instances"
}

# failed ends with what is known of why kind could not make the cluster.
failed() {
  if grep -rqs 'inotify.*too many open files' "$build/kind"; then
    die "a user of this machine may have $(<"$instances") inotify instances, too few for one more cluster; as root: sysctl fs.inotify.max_user_instances=$enough"
  fi
  die "kind could not make the cluster; its output and the nodes' logs are in .build/kind.log and .build/kind"
}

# create IMAGE makes the cluster; where that fails it shows what kind and the nodes said, and leaves the rest in .build.
create() {
  rm -rf "$build/kind"
  kind create cluster --name "$cluster" --image "$1" --config "$build/cluster.yaml" --wait 120s --retain -v 1 \
    >"$build/kind.log" 2>&1 || {
    tail -n 40 "$build/kind.log" >&2
    kind export logs --name "$cluster" --quiet "$build/kind" || say "the nodes' logs cannot be had"
    return 1
  }
  # When the engine ends, so does the cluster: one that came back by itself with the next engine would only be in the way
  # of the one that is made then.
  kind get nodes --name "$cluster" | xargs docker update --restart no >/dev/null
}

up() {
  DOCKER_HOST=$("$root/ci/engine.sh" up)
  export DOCKER_HOST
  "$root/ci/tools.sh" kind kubectl
  local image
  image=$("$root/ci/node-image.sh")
  if healthy "$image"; then
    say "cluster $cluster is up"
    return
  fi
  "$root/ci/storage-node.sh" down
  if exists; then
    say "cluster $cluster does not answer: making it again"
    kind delete cluster --name "$cluster" --quiet
  fi
  watchers
  say "making cluster $cluster"
  mkdir -p "$build/shared"
  local unless=
  # With the new control groups nothing is frozen, and kind's own way stays.
  [ "$(docker info --format '{{.CgroupVersion}}')" = 1 ] || unless='/cgroupfs/d'
  sed "s,\$SHARED,$build/shared,; s,\$ROOT,$root,; $unless" "$root/ci/cluster.yaml" >"$build/cluster.yaml"
  long 45 "the cluster" create "$image" || {
    say "kind could not make the cluster; once more, for a machine that was too busy"
    kind delete cluster --name "$cluster" --quiet
    create "$image" || failed
  }
  kubectl wait node --all --for=condition=Ready --timeout=120s >/dev/null
  kubectl --namespace kube-system rollout status deployment/coredns --timeout=120s >/dev/null
  kubectl --namespace local-path-storage rollout status deployment/local-path-provisioner --timeout=120s >/dev/null
  made_from "$image" >"$build/cluster.key"
  printf 'DOCKER_HOST=%s\nKUBECONFIG=%s\nCLUSTER=%s\n' "$DOCKER_HOST" "$kubeconfig" "$cluster" >"$environment"
  say "cluster $cluster is up: export KUBECONFIG=$kubeconfig"
}

down() {
  "$root/ci/storage-node.sh" down
  if [ -f "$environment" ]; then
    # shellcheck disable=SC1090  # written by up
    source "$environment"
    export DOCKER_HOST
    if exists; then
      say "removing cluster $cluster"
      kind delete cluster --name "$cluster" --quiet
    fi
    rm -f "$environment" "$kubeconfig" "$build/cluster.key"
  fi
  "$root/ci/engine.sh" down
}

action=${1:-}
case $action in
up | down)
  exec 7>"$build/cluster.lock"
  flock 7
  "$action"
  ;;
*) die "usage: cluster.sh up|down" ;;
esac

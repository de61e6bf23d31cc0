#!/usr/bin/env bash
# Finds a Docker engine, or starts one on a Debian machine that has none.
# Usage: engine.sh up      prints the DOCKER_HOST to use
#        engine.sh down    stops the engine that `up` started and removes its state, when no cluster is left on it
#
# The started engine is one per machine, shared by all checkouts: it keeps to its own socket, state and images, and
# so leaves alone whatever else runs there. It outlives the shell that started it.
source "$(dirname "$0")/lib.sh"

state=/var/lib/checkpoint-storage-ci
run=/run/checkpoint-storage-ci
own=unix://$run/docker.sock
pidfile=$run/docker.pid

works() { docker --host "$1" info >/dev/null 2>&1; }

# The address that the docker client would use by itself.
chosen() {
  if [ -n "${DOCKER_HOST:-}" ]; then
    echo "$DOCKER_HOST"
  else
    docker context inspect --format '{{.Endpoints.docker.Host}}'
  fi
}

# The engine's process, if it runs and is ours: a pid alone may have gone to another process since.
own_pid() {
  local pid
  [ -f "$pidfile" ] || return 1
  pid=$(<"$pidfile")
  [ -d "/proc/$pid" ] && tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF -- "--pidfile=$pidfile" || return 1
  echo "$pid"
}

# Bit 24 of the bounding set.
may_raise_limits() {
  local bounding
  bounding=$(awk '$1 == "CapBnd:" {print $2}' /proc/self/status)
  (((0x$bounding >> 24) & 1))
}

# forget removes the nodes of clusters that ended with an engine before this one.
forget() {
  docker --host "$own" ps --all --quiet --filter label=io.x-k8s.kind.cluster --filter status=exited |
    xargs --no-run-if-empty docker --host "$own" rm --force --volumes >/dev/null
}

start() {
  as_root_on_debian || die "there is no Docker engine that works. Start one and check it with \`docker info\` (DOCKER_HOST
       is honoured), or run this as root on Debian, where an engine can be installed and started."
  packages docker.io iptables ca-certificates
  # Newer releases of Debian ship the client apart from the engine.
  command -v docker >/dev/null || packages docker-cli

  mkdir -p "$state" "$run"
  local runtime='{}'
  if ! may_raise_limits; then
    say "this machine gives no CAP_SYS_RESOURCE: containers will do without"
    packages jq
    # A copy, because the engine outlives this checkout.
    install -m 0755 "$root/ci/engine/runc-within-bounds" "$state/runc-within-bounds"
    runtime='{"default-runtime": "within-bounds", "runtimes": {"within-bounds": {"path": "'$state/runc-within-bounds'"}}}'
  fi
  echo "$runtime" >"$state/daemon.json"

  say "starting a Docker engine, log in $state/docker.log"
  # No default bridge: kind creates its network, and nothing else here needs one.
  # The locks of the scripts that led here are not for the engine to hold.
  # shellcheck disable=SC2094  # the log is only written
  setsid nohup dockerd \
    --config-file="$state/daemon.json" \
    --data-root="$state/docker" \
    --exec-root="$run/docker" \
    --pidfile="$pidfile" \
    --host="$own" \
    --storage-driver=overlay2 \
    --bridge=none \
    </dev/null >>"$state/docker.log" 2>&1 7>&- 8>&- 9>&- &
  local dockerd=$!
  for ((i = 0; i < 120; i++)); do
    if works "$own"; then
      forget
      return
    fi
    kill -0 "$dockerd" 2>/dev/null || break
    sleep 0.5
  done
  tail -n 20 "$state/docker.log" >&2
  die "the Docker engine did not start, see $state/docker.log"
}

up() {
  if command -v docker >/dev/null; then
    local found
    for found in "$(chosen)" "$own"; do
      if works "$found"; then
        echo "$found"
        return
      fi
    done
  fi
  start
  echo "$own"
}

# clear removes the engine's state. What an engine that was killed had mounted is mounted still.
clear() {
  awk -v below="$state/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | xargs --no-run-if-empty umount
  rm -rf "$state"
}

down() {
  local pid
  pid=$(own_pid) || return 0
  if [ -n "$(docker --host "$own" ps --all --quiet)" ]; then
    say "the Docker engine stays: it has other containers"
    return 0
  fi
  say "stopping the Docker engine"
  # With the network goes its bridge, which would stay on the machine, and its range with it: there are few.
  docker --host "$own" network prune --force >/dev/null
  kill "$pid"
  for ((i = 0; i < 60; i++)); do
    [ -e "/proc/$pid" ] || { clear; return 0; }
    sleep 0.5
  done
  die "the Docker engine, process $pid, does not stop"
}

action=${1:-}
case $action in
up | down)
  # One engine per machine, so one of these at a time per machine. Only root starts an engine; for everybody else there
  # is nothing to guard, and nowhere to put the lock.
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$run"
    exec 9>"$run/lock"
    flock 9
  fi
  "$action"
  ;;
*) die "usage: engine.sh up|down" ;;
esac

#!/usr/bin/env bash
# Sees to it that the cluster's workers have the image of the tests' CSI driver, and adds its name to .build/cluster.env.
# Usage: csi-driver.sh
source "$(dirname "$0")/lib.sh"

environment=$build/cluster.env
# shellcheck disable=SC1090  # written by cluster.sh
source "$environment"
export DOCKER_HOST

folder=$root/test/csidriver
mapfile -t inputs < <(find "$folder" -name '*.go' -o -name 'go.*' | sort)
image=checkpoint-storage/csi-driver:$(key "${inputs[@]}" "$0")
workers=$(kind get nodes --name "$CLUSTER" | grep worker | sort)

loaded() {
  local node
  for node in $workers; do
    docker exec "$node" crictl inspecti --quiet "$image" >/dev/null 2>&1 || return 1
  done
}

# An image of one static binary, and a /tmp.
make_image() {
  ! docker image inspect "$image" >/dev/null 2>&1 || return 0
  say "building the tests' CSI driver"
  local work
  work=$(mktemp -d "${TMPDIR:-/tmp}/csi-driver.XXXXXX")
  trap 'rm -rf "$work"' RETURN
  mkdir -m 1777 "$work/tmp"
  (cd "$folder" && GOWORK=off CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w' -o "$work/csidriver" .)
  tar --create --owner=0 --group=0 --directory "$work" . | docker import --change 'ENTRYPOINT ["/csidriver"]' - "$image" >/dev/null
}

if ! loaded; then
  make_image
  say "loading the tests' CSI driver into the workers"
  # shellcheck disable=SC2086  # names of nodes have no spaces
  kind load docker-image "$image" --name "$CLUSTER" --nodes "$(echo $workers | tr ' ' ',')" --quiet
fi
sed -i '/^CSI_DRIVER_IMAGE=/d' "$environment"
echo "CSI_DRIVER_IMAGE=$image" >>"$environment"

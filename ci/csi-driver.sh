#!/usr/bin/env bash
# Sees to it that the cluster's workers have the image of the tests' CSI driver, and adds its name to .build/cluster.env.
# Usage: csi-driver.sh
source "$(dirname "$0")/worker-images.sh"

folder=$root/test/csidriver
mapfile -t inputs < <(find "$folder" -name '*.go' -o -name 'go.*' | sort)
image=checkpoint-storage/csi-driver:$(key "${inputs[@]}" "$0")

work=$(mktemp -d "${TMPDIR:-/tmp}/csi-driver.XXXXXX")
trap 'rm -rf "$work"' EXIT

# An image of one static binary, and a /tmp.
make_image() {
  say "building the tests' CSI driver"
  mkdir -m 1777 "$work/tmp"
  (cd "$folder" && GOWORK=off CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w' -o "$work/csidriver" .)
  tar --create --owner=0 --group=0 --directory "$work" . | docker import --change 'ENTRYPOINT ["/csidriver"]' - "$image" >/dev/null
}

give "$image" CSI_DRIVER_IMAGE

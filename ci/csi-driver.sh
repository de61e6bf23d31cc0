#!/usr/bin/env bash
# Sees to it that the cluster's workers have the image of the tests' CSI driver, and adds its name to .build/cluster.env.
# Usage: csi-driver.sh
source "$(dirname "$0")/worker-images.sh"

folder=$root/test/csidriver
mapfile -t inputs < <(find "$folder" -name '*.go' -o -name 'go.*' | sort)
entrypoint=/csidriver

# One static binary, and a /tmp.
root_file_system() {
  say "building the tests' CSI driver"
  trap 'rm -rf "$work"' EXIT
  work=$(mktemp -d "${TMPDIR:-/tmp}/csi-driver.XXXXXX")
  mkdir -m 1777 "$work/tmp"
  (cd "$folder" && GOWORK=off CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w' -o "$work/csidriver" .)
  tar --create --owner=0 --group=0 --directory "$work" .
}

give csi-driver "$(key "${inputs[@]}" "$0" "$root/ci/worker-images.sh")" CSI_DRIVER_IMAGE

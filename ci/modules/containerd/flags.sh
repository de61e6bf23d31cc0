# Snapshotters that a node in a container never uses; one of them would need C headers.
# shellcheck shell=bash disable=SC2034,SC2154  # build.sh reads and sets these
tags="no_btrfs no_devmapper no_zfs"
ldflags="-X github.com/containerd/containerd/v2/version.Version=$version"

# What `crictl -v` prints.
# shellcheck shell=bash disable=SC2034,SC2154  # build.sh reads and sets these
ldflags="-X sigs.k8s.io/cri-tools/pkg/version.Version=$version"

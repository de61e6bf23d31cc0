# What the provisioner says of itself in its log.
# shellcheck shell=bash disable=SC2034,SC2154  # build.sh reads and sets these
ldflags="-X main.VERSION=$version"

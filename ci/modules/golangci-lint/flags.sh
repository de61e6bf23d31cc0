# What `golangci-lint version` prints.
# shellcheck shell=bash disable=SC2034,SC2154  # build.sh reads and sets these
ldflags="-X main.version=${version#v}"

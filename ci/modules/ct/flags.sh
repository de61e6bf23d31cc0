# What `ct version` prints.
# shellcheck shell=bash disable=SC2034,SC2154  # build.sh reads and sets these
ldflags="-X github.com/helm/chart-testing/v3/ct/cmd.Version=$version"

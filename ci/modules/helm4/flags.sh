# Without these Helm calls itself an unreleased version.
# shellcheck shell=bash disable=SC2034,SC2154  # build.sh reads and sets these
ldflags="-X helm.sh/helm/v4/internal/version.version=$version -X helm.sh/helm/v4/internal/version.metadata="

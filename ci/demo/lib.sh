# How the parts of the demo speak, and where they work.
# shellcheck shell=bash disable=SC2034,SC2154  # for and from the scripts that source this file
export KUBECONFIG=$build/kubeconfig
patience=120s

bold='' plain=''
[ ! -t 1 ] || bold=$'\e[1m' plain=$'\e[0m'
step() { printf '\n%s[%3ds] %s%s\n' "$bold" "$SECONDS" "$*" "$plain"; }
run() { printf '$ %s\n' "${*//$root\//./}" >&2; "$@"; }
k() { kubectl --namespace "$namespace" "$@"; }

# Shared by the scripts of this folder: where things are, and how they speak.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
mkdir -p "$root/.build/bin"
# Where it really is: a checkout may share another's.
build=$(cd "$root/.build" && pwd -P)
# What is slow to make outlives the checkout, under a key of what it was made from.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/checkpoint-storage
mkdir -p "$cache"
# The pinned tools come first: a kubectl or kind of the machine must not be used by accident.
bin=$build/bin
PATH=$bin:$PATH

# shellcheck source=versions.env
source "$root/ci/versions.env"

# Two checkouts on one machine get two clusters, and one checkout always the same; one whose .build is a link to
# another's shares that one's.
# shellcheck disable=SC2034  # for the scripts that source this file
cluster=ckpt-$(printf %s "${build%/.build}" | sha256sum | cut -c1-8)
# With SPARE set it is all about a second cluster, for the tests that stop what every test of a cluster counts on.
if [ -n "${SPARE:-}" ]; then
  cluster=$cluster-spare build=$build/spare
  mkdir -p "$build"
fi

# What is known of the cluster, for scripts and tests.
environment=$build/cluster.env

# facts PREFIX KEY=VALUE... has cluster.env say this, and nothing else in keys that begin like that. Several scripts may add
# theirs at once, and others read it meanwhile.
facts() (
  prefix=$1
  shift
  exec 6>"$environment.lock"
  flock 6
  { grep -v "^$prefix" "$environment" || :; [ $# = 0 ] || printf '%s\n' "$@"; } >"$environment.partial"
  mv "$environment.partial" "$environment"
)

say() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# lasting SECONDS prints a time as one says it.
lasting() { if [ "$1" -lt 90 ]; then printf '%d s' "$1"; else printf '%d min' $((($1 + 30) / 60)); fi; }

# lasted SECONDS WORDS prints how many seconds something took on this machine the last time, or else SECONDS; took records it.
lasted() { cat "$cache/durations/${2//[^A-Za-z0-9]/-}" 2>/dev/null || echo "$1"; }
took() { mkdir -p "$cache/durations" && echo "$1" >"$cache/durations/${2//[^A-Za-z0-9]/-}"; }

# long SECONDS WORDS COMMAND... runs a command, and shows where it is once it has taken ten seconds: in a line now and then, on
# a terminal in a bar. It takes about SECONDS where nothing is cached, or what it last took on this machine. The output and the
# exit status are the command's.
long() {
  local expected words=$2 begun=$SECONDS status=0 seconds shown
  expected=$(lasted "$1" "$2")
  shift 2
  watch_over "$words" "$expected" <&- >/dev/null &
  shown=$!
  "$@" || status=$?
  kill "$shown" 2>/dev/null || :
  wait "$shown" 2>/dev/null || :
  seconds=$((SECONDS - begun))
  [ "$seconds" -lt 10 ] || [ "$status" != 0 ] || took "$seconds" "$words"
  return "$status"
}

# watch_over WORDS SECONDS shows how long it has been running, until it is ended.
watch_over() {
  local begun=$SECONDS next=10 gone bar never
  trap '[ -z "${bar:-}" ] || printf "\r\e[K" >&2' EXIT
  trap exit TERM
  # To wait without a process that outlives this one and keeps a pipe open.
  exec {never}<> <(:)
  while :; do
    gone=$((SECONDS - begun))
    if [ "$gone" -lt "$next" ]; then
      :
    elif [ -t 2 ]; then
      bar=$((gone < $2 ? 20 * gone / ($2 + 1) : 20))
      printf '\r\e[K[%4ds] %s %.*s%.*s %s of about %s' "$SECONDS" "$1" "$bar" '####################' $((20 - bar)) '....................' \
        "$(lasting "$gone")" "$(lasting "$2")" >&2
    else
      say "$1: $(lasting "$gone") of about $(lasting "$2")"
      next=$((gone / 60 * 60 + 60))
    fi
    read -rt 1 -u "$never" || :
  done
}

# key FILE... prints a short hash of the files' content and of the Go version.
key() { { go env GOVERSION GOARCH; cat "$@"; } | sha256sum | cut -c1-16; }

# pinned MODULE prints the version of what modules/MODULE is there for: the module of its first tool.
pinned() { (cd "$root/ci/modules/$1" && GOWORK=off go list -f '{{.Module.Version}}' tool | head -n 1); }

# source_of MODULE prints the folder where Go keeps the source of what modules/MODULE is there for.
source_of() { (cd "$root/ci/modules/$1" && GOWORK=off go list -f '{{.Module.Dir}}' tool | head -n 1); }

# test_image prints the image that the chart's own test runs, as its values name it.
test_image() {
  awk '$1 == "repository:" { name = $2 } $1 == "tag:" { print name ":" $2; exit }' "$root/charts/checkpoint-storage/values.yaml" |
    tr -d '"'
}

# as_root_on_debian says whether packages can be installed here.
as_root_on_debian() { [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null; }

# packages NAME... installs those Debian packages that are missing.
packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  local log=$build/apt.log
  # A machine that was never updated knows no packages, or only ones that have left the mirror.
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1 </dev/null || die "apt-get failed, see $log"
}

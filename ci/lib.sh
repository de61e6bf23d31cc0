# Shared by the scripts of this folder: where things are, and how they speak.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/.build
# What is slow to make outlives the checkout, under a key of what it was made from.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/checkpoint-storage
mkdir -p "$build/bin" "$cache"

say() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# key FILE... prints a short hash of the files' content and of the Go version.
key() { { go env GOVERSION GOARCH; cat "$@"; } | sha256sum | cut -c1-16; }

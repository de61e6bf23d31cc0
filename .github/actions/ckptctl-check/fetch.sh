#!/usr/bin/env bash
# Downloads ckptctl for this machine into a folder and verifies it. Usage: fetch.sh FOLDER
#
# CKPTCTL_VERSION is the release, CKPTCTL_FROM where its files are, CKPTCTL_SHA256 the checksum of its SHA256SUMS: with it,
# whoever can change the files cannot change what is run.
set -euo pipefail

folder=${1:?usage: fetch.sh FOLDER}
: "${CKPTCTL_VERSION:?}" "${CKPTCTL_FROM:?}"

case $(uname -s) in
Linux) os=linux extension=tar.gz ;;
Darwin) os=darwin extension=tar.gz ;;
MINGW* | MSYS* | CYGWIN*) os=windows extension=zip ;;
*) echo "error: ckptctl is not released for $(uname -s)" >&2 && exit 1 ;;
esac
case $(uname -m) in
x86_64 | amd64) arch=amd64 ;;
aarch64 | arm64) arch=arm64 ;;
*) echo "error: ckptctl is not released for $(uname -m)" >&2 && exit 1 ;;
esac

sum() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

file=ckptctl-$CKPTCTL_VERSION-$os-$arch.$extension
mkdir -p "$folder"
cd "$folder"
for name in SHA256SUMS "$file"; do
  curl --fail --silent --show-error --location --retry 3 --output "$name" "$CKPTCTL_FROM/$name"
done
if [ -n "${CKPTCTL_SHA256:-}" ] && ! echo "$CKPTCTL_SHA256  SHA256SUMS" | sum --check - >/dev/null 2>&1; then
  echo "error: SHA256SUMS of ckptctl $CKPTCTL_VERSION is not the one that was pinned" >&2
  exit 1
fi
if ! grep "  $file\$" SHA256SUMS | sum --check - >/dev/null; then
  echo "error: $file is not what SHA256SUMS says" >&2
  exit 1
fi
case $extension in
zip) unzip -oq "$file" ;;
*) tar -xzf "$file" ;;
esac

#!/usr/bin/env bash
# Sees to it that the engine has an image for kind's nodes, and prints its name.
# Usage: DOCKER_HOST=... node-image.sh [built]
#
# The image is the one, with digest, that the pinned kind names as its default. Where no registry can be reached it is
# built instead, and kept outside the checkout under a key of what it was built from. "built" asks for the latter anyway.
source "$(dirname "$0")/lib.sh"

has() { docker image inspect "$1" >/dev/null 2>&1; }

published=$(sed -n 's/^const Image = "\(.*\)"$/\1/p' "$(source_of kind)/pkg/apis/config/defaults/image.go")
[ -n "$published" ] || die "the pinned kind names its default image in another way"

inputs=("$root"/ci/node-image/* "$root/ci/build.sh" "$root/ci/versions.env")
for module in cni-plugins containerd coredns cri-tools etcd kind kubernetes local-path-provisioner runc; do
  inputs+=("$root/ci/modules/$module"/*)
done
built=checkpoint-storage/node:$({ key "${inputs[@]}"; test_image; } | sha256sum | cut -c1-16)
archive=$cache/node-image/${built##*:}.tar.zst

# The first that is there; asking a registry comes before building, and after everything that needs no network.
only_built=${1:-}
if [ -z "$only_built" ] && has "$published"; then
  echo "$published"
  exit
fi
if has "$built"; then
  echo "$built"
  exit
fi

mkdir -p "$cache/node-image"
# One build at a time: a second checkout waits and finds the result.
exec 8>"$cache/node-image/lock"
flock 8

if [ -f "$archive" ]; then
  say "loading the node image from the cache"
  packages zstd
  zstd --decompress --stdout --quiet "$archive" | docker load >/dev/null
  echo "$built"
elif [ -z "$only_built" ] && DOCKER_CLI_EXPERIMENTAL=enabled timeout "$REGISTRY_PATIENCE" docker manifest inspect "$published" >/dev/null 2>&1; then
  say "pulling $published"
  docker pull --quiet "$published" >/dev/null
  echo "$published"
else
  as_root_on_debian || die "no registry can be reached for $published, and building an image instead needs
       root on Debian. Load the image into the engine by hand (docker pull, docker load), or run this as root on Debian."
  packages zstd
  long 600 "building the node image, once" "$root/ci/node-image/build.sh" "$built"
  docker save "$built" | zstd -3 -T0 --quiet -o "$archive.partial" --force
  mv "$archive.partial" "$archive"
  # Images of inputs that were abandoned long ago.
  find "$cache/node-image" -name '*.tar.zst' -mtime +30 -delete
  echo "$built"
fi

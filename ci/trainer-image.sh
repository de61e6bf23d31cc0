#!/usr/bin/env bash
# Sees to it that the cluster's workers have an image with PyTorch and fio, made of Debian's packages, and adds its name to
# .build/cluster.env. Usage: trainer-image.sh
source "$(dirname "$0")/worker-images.sh"

inputs=("$root"/ci/trainer-image/* "$root/ci/versions.env")
image=checkpoint-storage/trainer:$(key "${inputs[@]}")
archive=$cache/trainer-image/${image##*:}.tar.zst

make_image() {
  mkdir -p "$cache/trainer-image"
  # One build at a time: a second checkout waits and finds the result.
  exec 8>"$cache/trainer-image/lock"
  flock 8
  ! docker image inspect "$image" >/dev/null 2>&1 || return 0
  if [ -f "$archive" ]; then
    say "loading the trainers' image from the cache"
    zstd --decompress --stdout --quiet "$archive" | docker load >/dev/null
    return
  fi
  say "making the trainers' image of Debian's packages (about 3 minutes, once)"
  local packages
  read -ra packages <"$root/ci/trainer-image/packages"
  # The node image is at hand wherever there is a cluster; what is made does not depend on it.
  docker run --rm --interactive --privileged --network host --entrypoint /bin/bash \
    "$("$root/ci/node-image.sh")" -s -- "$NODE_DEBIAN" "${packages[@]}" \
    <"$root/ci/trainer-image/build.sh" 2>"$build/trainer-image.log" |
    docker import - "$image" >/dev/null ||
    { tail -n 20 "$build/trainer-image.log" >&2; die "the trainers' image could not be made, see .build/trainer-image.log"; }
  if command -v zstd >/dev/null; then
    docker save "$image" | zstd -3 -T0 --quiet -o "$archive.partial" --force
    mv "$archive.partial" "$archive"
    find "$cache/trainer-image" -name '*.tar.zst' -mtime +30 -delete
  fi
}

give "$image" TRAINER_IMAGE

#!/usr/bin/env bash
# Sees to it that the cluster's workers have an image with PyTorch and fio, made of Debian's packages, and adds its name to
# .build/cluster.env; or, asked for its root, that this machine has its root file system, and prints the path of that.
# Usage: trainer-image.sh [root]
source "$(dirname "$0")/worker-images.sh"

inputs=("$root"/ci/trainer-image/* "$root/ci/worker-images.sh")

root_file_system() {
  local release packages
  # The stable one's PyTorch has no FSDP2 without a GPU.
  read -r release <"$root/ci/trainer-image/release"
  read -ra packages <"$root/ci/trainer-image/packages"
  long 300 "making the trainers' image of Debian's packages, once" made_of "$release" "${packages[@]}" ||
    { tail -n 20 "$build/trainer-image.log" >&2; die "the trainers' image could not be made, see .build/trainer-image.log"; }
}

# made_of RELEASE PACKAGE... writes the root file system as a tar. The node image is at hand wherever there is a cluster; what
# is made does not depend on it.
made_of() {
  docker run --rm --interactive --privileged --network host --entrypoint /bin/bash "$("$root/ci/node-image.sh")" -s -- "$@" \
    <"$root/ci/trainer-image/build.sh" 2>"$build/trainer-image.log"
}

case ${1:-} in
root) unpacked trainer "$(key "${inputs[@]}")" ;;
*) give trainer "$(key "${inputs[@]}")" TRAINER_IMAGE ;;
esac

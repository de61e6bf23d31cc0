#!/bin/bash
# Runs in a container of the node image, which is a Debian with apt: writes the root file system of the trainers' image
# to its standard output, as a tar. Usage: build.sh RELEASE PACKAGE...
set -euo pipefail
exec 3>&1 >&2

release=$1
shift
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -yq --no-install-recommends debootstrap
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
debootstrap --variant=minbase "$release" /rootfs "${mirror%/}"
# apt rather than debootstrap: only apt knows alternatives and virtual packages.
chroot /rootfs apt-get install -yq --no-install-recommends "$@"
chroot /rootfs apt-get clean
rm -rf /rootfs/var/lib/apt/lists/* /rootfs/usr/share/{doc,man,locale,icons,fonts}
tar --create --directory /rootfs . >&3

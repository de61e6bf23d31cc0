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
rm -rf /rootfs/var/lib/apt/lists/* /rootfs/usr/share/{doc,man,locale,icons,fonts,proj,gdcm*,X11,mime}
# What comes along and is never opened, a third of all: drivers of graphics cards and their compiler, tests, algebra.
rm -rf /rootfs/usr/lib/x86_64-linux-gnu/{dri,mfx,libLLVM*,libz3*,libmfxhw*} /rootfs/usr/lib/libtorch-test \
  /rootfs/usr/lib/python3/dist-packages/{sympy,torch/bin/test_*}
chroot /rootfs python3 -c 'import torch.distributed, torch.nn.parallel; torch.nn.Linear(4, 4)(torch.zeros(4))'
chroot /rootfs fio --version
tar --create --directory /rootfs . >&3

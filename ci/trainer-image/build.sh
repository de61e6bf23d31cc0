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
# All releases of Debian are installed by one script; this debootstrap may be older than the release.
debootstrap --variant=minbase "$release" /rootfs "${mirror%/}" /usr/share/debootstrap/scripts/sid
# apt rather than debootstrap: only apt knows alternatives and virtual packages.
chroot /rootfs apt-get install -yq --no-install-recommends "$@"
chroot /rootfs apt-get clean
rm -rf /rootfs/var/lib/apt/lists/* /rootfs/usr/share/{doc,man,locale,icons,fonts,proj,gdcm*,X11,mime}
# What comes along and is never opened: drivers of graphics cards, tests, headers. Their compiler is linked into PyTorch.
distributed=/rootfs/usr/lib/python3/dist-packages/torch/distributed
rm -rf /rootfs/usr/lib/x86_64-linux-gnu/{dri,mfx,libmfxhw*} /rootfs/usr/lib/libtorch-test "${distributed%/*}"/bin/test_* /rootfs/usr/include
# Debian builds PyTorch without libuv, which torchrun asks for wherever it makes a store.
sed -i 's/multi_tenant=True,$/& use_libuv=False,/' "$distributed"/elastic/rendezvous/*.py "$distributed/elastic/agent/server/api.py"
sed -i 's/"USE_LIBUV", "1"/"USE_LIBUV", "0"/' "$distributed/rendezvous.py" "$distributed/elastic/utils/distributed.py"
chroot /rootfs python3 -m compileall -q "${distributed#/rootfs}"
chroot /rootfs python3 -c 'import torch.distributed, torch.nn.parallel; torch.nn.Linear(4, 4)(torch.zeros(4))'
chroot /rootfs fio --version
tar --create --directory /rootfs . >&3

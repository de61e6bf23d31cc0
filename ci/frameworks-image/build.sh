#!/bin/bash
# Makes the root file system in which the frameworks run: Debian's PyTorch, and of every program below FRAMEWORKS that asks
# for this RELEASE what its requirements.txt lists, in /opt/frameworks/<name>. As root on a Debian into the folder ROOT; where
# ROOT is "-", as in a container of the node image, as a tar to its standard output.
# Usage: build.sh RELEASE FRAMEWORKS ROOT PACKAGE...
set -euo pipefail
exec 3>&1 >&2

release=$1 frameworks=$2 root=$3
shift 3
to_stdout=
[ "$root" != - ] || to_stdout=yes root=/rootfs
# Programs that say nothing run on the stable release.
stable=trixie
# What compiles extensions, and is gone afterwards.
compilers=(python3-pip python3-setuptools python3-dev python3-pybind11 pybind11-dev libtorch-dev g++)

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -yq --no-install-recommends debootstrap ca-certificates
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
# All releases of Debian are installed by one script; this debootstrap may be older than the release.
debootstrap --variant=minbase "$release" "$root" "${mirror%/}" /usr/share/debootstrap/scripts/sid
# What is installed asks /proc of itself.
mount -t proc proc "$root/proc"
trap 'umount "$root/proc"' EXIT
chroot "$root" apt-get install -yq --no-install-recommends "$@" "${compilers[@]}"

# The network here may have an authority that only this machine trusts.
cp /etc/ssl/certs/ca-certificates.crt "$root/tmp/authorities"
mkdir -p "$root/opt/frameworks" "$root/tmp/frameworks"
cp -r "$frameworks/." "$root/tmp/frameworks"
for program in "$frameworks"/*/program.py; do
  directory=${program%/*} name=$(basename "${program%/*}")
  wants=$(sed -n 's/^# debian: //p' "$program")
  [ "${wants:-$stable}" = "$release" ] && [ -f "$directory/requirements.txt" ] || continue
  # A variant that needs just what another framework does shares its folder.
  sibling=$(sed -n 's|^-r \.\./\(.*\)/requirements\.txt$|\1|p' "$directory/requirements.txt")
  if [ -n "$sibling" ] && [ "$(wc -l <"$directory/requirements.txt")" = 1 ]; then
    ln -s "$sibling" "$root/opt/frameworks/$name"
    continue
  fi
  # DeepSpeed compiles what it calls on CPUs before it is first called, or else at that time, when no compiler is left.
  chroot "$root" env -i PATH="$PATH" HOME=/tmp PIP_CERT=/tmp/authorities DS_BUILD_SHM_COMM=1 \
    pip install --quiet --no-cache-dir --no-compile --root-user-action ignore --no-build-isolation --require-hashes --no-deps \
    --target "/opt/frameworks/$name" --requirement "/tmp/frameworks/$name/requirements.txt"
done

chroot "$root" apt-get purge -yq --autoremove "${compilers[@]}"
chroot "$root" apt-get clean
rm -rf "$root"/tmp/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale,icons,fonts,proj,gdcm*,X11,mime}
# What comes along and is never opened: drivers of graphics cards, tests, headers. Their compiler is linked into PyTorch.
rm -rf "$root"/usr/lib/x86_64-linux-gnu/{dri,mfx,libmfxhw*} "$root"/usr/lib/libtorch-test \
  "$root"/usr/lib/python3/dist-packages/torch/bin/test_* "$root"/usr/include
find "$root/opt/frameworks" -depth -type d \( -name tests -o -name __pycache__ -o -name include \) -exec rm -rf {} +
find "$root/usr" -depth -type d -name __pycache__ -exec rm -rf {} +
chroot "$root" python3 -c 'import torch.distributed, torch.nn.parallel; torch.nn.Linear(4, 4)(torch.zeros(4))'
[ -z "$to_stdout" ] || tar --create --one-file-system --directory "$root" . >&3

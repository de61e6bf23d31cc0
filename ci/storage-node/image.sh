#!/usr/bin/env bash
# Makes the disk of the storage node's guest from the node image and Debian's kernel, and prints the folder that it and
# the kernel are in. Usage: DOCKER_HOST=... image.sh
source "$(dirname "$0")/../lib.sh"

here=$root/ci/storage-node
node_image=$("$root/ci/node-image.sh" built)
services=$root/ci/node/services.conf runtime=("$root"/ci/node/*.toml)
made=$cache/storage-node/$(key "$here/image.sh" "$here/guest.sh" "$here/guest.service" "$services" "${runtime[@]}")-${node_image##*:}
exec 8>"$cache/storage-node.lock"
flock 8
if [ -f "$made/disk.img" ]; then
  echo "$made"
  exit
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/storage-node.XXXXXX")
container=
clean_up() {
  [ -z "$container" ] || docker rm "$container" >/dev/null
  rm -rf "$work"
}
trap clean_up EXIT

# The modules that lead to the disk, in the order in which they need each other.
virtio="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk"

unpack_kernel() {
  local package
  package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
  (cd "$work" && apt-get download "$package" >/dev/null 2>&1) || die "apt-get could not download $package"
  dpkg-deb --extract "$work/$package"_*.deb "$work/kernel"
  release=$(ls "$work/kernel/lib/modules")
}

initramfs() {
  mkdir -p "$work/initramfs"/{bin,modules,dev,proc,sys,root}
  cp "$work/rootfs/bin/busybox" "$work/initramfs/bin/"
  local module file
  for module in $virtio; do
    file=$(find "$work/kernel/lib/modules" -name "$module.ko")
    # What is not a module is in the kernel already.
    [ -z "$file" ] || cp "$file" "$work/initramfs/modules/"
  done
  cat >"$work/initramfs/init" <<END
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
for module in $virtio; do
  [ ! -f /modules/\$module.ko ] || /bin/busybox insmod /modules/\$module.ko
done
until /bin/busybox mount -t ext4 /dev/vda /root; do /bin/busybox sleep 0.1; done
exec /bin/busybox switch_root /root /sbin/init
END
  chmod +x "$work/initramfs/init"
  (cd "$work/initramfs" && find . | cpio --create --format=newc --quiet | gzip -1) >"$made/initramfs"
}

root_file_system() {
  container=$(docker create "$node_image")
  mkdir -p "$work/rootfs"
  docker export "$container" | tar --extract --directory "$work/rootfs"
  local rootfs=$work/rootfs
  cp -r "$work/kernel/lib/modules" "$rootfs/lib/"
  depmod --basedir "$rootfs" "$release"
  install -m 0755 "$here/guest.sh" "$rootfs/usr/local/bin/storage-node"
  install -m 0644 "$here/guest.service" "$rootfs/etc/systemd/system/storage-node.service"
  mkdir -p "$rootfs/etc/systemd/system/multi-user.target.wants"
  ln -sf ../storage-node.service "$rootfs/etc/systemd/system/multi-user.target.wants/storage-node.service"
  install -D --mode 0644 "$services" "$rootfs/etc/systemd/system.conf.d/memory.conf"
  install -D --mode 0644 --target-directory "$rootfs/etc/containerd/conf.d" "${runtime[@]}"
  sed --in-place '1i imports = ["/etc/containerd/conf.d/*.toml"]' "$rootfs/etc/containerd/config.toml"
  # Emulated, every step counts. The rules that look at each device that comes take many, and with every pod come two: all
  # that is needed of them is the links by which a unit is found.
  find "$rootfs/usr/lib/udev/rules.d" -type f ! -name 60-persistent-storage.rules -delete
  # What a machine has by itself, kind's nodes must be given, and the other way round.
  rm -f "$rootfs"/etc/systemd/system/multi-user.target.wants/{containerd,kubelet,undo-mount-hacks}.service \
    "$rootfs/etc/systemd/system/kubelet.service.d/11-kind.conf" "$rootfs/etc/machine-id"
  touch "$rootfs/etc/machine-id"
  # The snapshots of containerd know their files by the upper folders of the image, which are all here.
  jq 'del(.hooks)' "$rootfs/etc/containerd/cri-base.json" >"$work/cri-base.json"
  mv "$work/cri-base.json" "$rootfs/etc/containerd/cri-base.json"
  rm -f "$rootfs/.dockerenv"
}

packages qemu-system-x86 qemu-utils cpio kmod jq e2fsprogs
say "making the disk of the storage node"
rm -rf "$made"
mkdir -p "$made"
unpack_kernel
root_file_system
initramfs
cp "$work/kernel/boot/vmlinuz-$release" "$made/vmlinuz"
truncate --size 6G "$made/disk.partial"
mkfs.ext4 -q -d "$work/rootfs" -E lazy_itable_init=1 "$made/disk.partial"
mv "$made/disk.partial" "$made/disk.img"
# Of inputs that were abandoned long ago.
find "$cache/storage-node" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +
echo "$made"

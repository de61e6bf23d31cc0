#!/usr/bin/env bash
# Builds a node image for kind from Go modules and Debian packages, for a machine that reaches no registry.
# Usage: build.sh IMAGE
#
# It is kindest/node in all that matters: the files come from the source of the pinned kind, and so do the names of the
# images that kind and kubeadm expect to find in it. What differs, and why, stands beside each step.
source "$(dirname "$0")/../lib.sh"

image=${1:?usage: build.sh IMAGE}
here=$root/ci/node-image
kind_source=$(source_of kind)
kubernetes_version=$(pinned kubernetes)
work=$(mktemp -d "${TMPDIR:-/tmp}/node-image.XXXXXX")
# While they are made, images carry this before their name: the engine may hold others under the name itself.
prefix=node.build/
images=()
container=
clean_up() {
  [ -z "$container" ] || docker rm --force --volumes "$container" >/dev/null
  [ ${#images[@]} = 0 ] || docker rmi --force "${images[@]/#/$prefix}" "$image-bare" >/dev/null 2>&1
  rm -rf "$work"
}
trap clean_up EXIT

# binaries MODULE FOLDER copies what the module builds.
binaries() { mkdir -p "$2" && cp "$("$root/ci/build.sh" "$1")"/* "$2/"; }

# constant FILE NAME prints a Go string constant of kind, one line or a raw string of several.
constant() {
  awk -v start="const $2 = " '
    index($0, start) == 1 {
      sub(/^const [A-Za-z]+ = /, "")
      if ($0 ~ /^"/) { gsub(/"/, ""); print; exit }
      inside = 1; next
    }
    inside && /^`$/ { exit }
    inside' "$kind_source/pkg/build/nodeimage/$1"
}

# scratch NAME FOLDER makes an image of what is in the folder and nothing else.
scratch() {
  tar --create --owner=0 --group=0 --directory "$2" . |
    docker import --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin:/sbin' "${@:3}" - "$prefix$1" >/dev/null
  images+=("$1")
}

# program FOLDER FILE... puts files into the image's search path.
program() { mkdir -p "$1/usr/local/bin" "$1/tmp" && cp "${@:2}" "$1/usr/local/bin/"; }

# busybox FOLDER gives the image a shell.
busybox() {
  mkdir -p "$1/bin" "$1/tmp"
  cp "$rootfs/bin/busybox" "$1/bin/busybox"
  local applet
  for applet in $("$rootfs/bin/busybox" --list); do [ -e "$1/bin/$applet" ] || ln -s busybox "$1/bin/$applet"; done
}

# with_libraries FOLDER FILE copies a program of the root file system with what it is linked to.
with_libraries() {
  program "$1" "$rootfs$2"
  local library
  for library in $(chroot "$rootfs" ldd "$2" | grep -o '/[^ ]*'); do
    mkdir -p "$1$(dirname "$library")"
    cp --dereference "$rootfs$library" "$1$library"
  done
}

root_file_system() {
  say "making a Debian $NODE_DEBIAN root file system"
  local mirror proxy
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
  proxy=$(apt-config shell proxy Acquire::http::Proxy | cut -d"'" -f2)
  http_proxy=${http_proxy:-$proxy} debootstrap --variant=minbase \
    --include="$(tr -s ' \n' ',,' <"$here/packages" | sed 's/,$//')" \
    "$NODE_DEBIAN" "$rootfs" "${mirror%/}" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; die "debootstrap failed"; }
  rm -rf "$rootfs"/var/cache/apt/* "$rootfs"/var/lib/apt/lists/* "$rootfs"/usr/share/{doc,man,locale}

  local files=$kind_source/images/base/files
  # Files of the Go module cache are read-only.
  cp -r --no-preserve=mode,ownership "$files"/{etc,kind,usr} "$rootfs/"
  chmod 755 "$rootfs/kind" "$rootfs"/kind/bin/* "$rootfs"/usr/local/bin/*
  mkdir -p "$rootfs/kind/manifests" "$rootfs/etc/kubernetes/manifests"
  # A container does not boot by itself what a machine would.
  rm -f "$rootfs"/lib/systemd/system/{multi-user,local-fs,basic}.target.wants/* "$rootfs"/etc/systemd/system/*.wants/* \
    "$rootfs"/lib/systemd/system/sockets.target.wants/*{udev,initctl}* \
    "$rootfs"/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service
  echo "ReadKMsg=no" >>"$rootfs/etc/systemd/journald.conf"
  rm -f "$rootfs/etc/systemd/system/containerd-fuse-overlayfs.service"
  # A machine that may not lower an OOM score must not be asked to; containerd then leaves the score alone as well.
  sed -i '/^OOMScoreAdjust/d' "$rootfs/etc/systemd/system/containerd.service"
  sed -i -e 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' \
    -e "s,^\( *sandbox_image = \).*,\1\"$pause\"," "$rootfs/etc/containerd/config.toml"
  systemctl --root="$rootfs" enable containerd.service kubelet.service undo-mount-hacks.service 2>/dev/null
  systemctl --root="$rootfs" mask systemd-binfmt.service 2>/dev/null

  cp "$work"/kubernetes/{kubeadm,kubelet,kubectl} "$rootfs/usr/bin/"
  binaries containerd "$rootfs/usr/local/bin"
  binaries cri-tools "$rootfs/usr/local/bin"
  binaries runc "$rootfs/usr/local/sbin"
  binaries cni-plugins "$rootfs/opt/cni/bin"
  "$rootfs/usr/local/bin/ctr" oci spec |
    jq 'del(.process.rlimits) | .hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}]' \
      >"$rootfs/etc/containerd/cri-base.json"

  printf %s "$kubernetes_version" >"$rootfs/kind/version"
  cp "$here/pod-network.yaml" "$rootfs/kind/manifests/default-cni.yaml"
  constant const_storage.go defaultStorageManifest |
    sed -e "s,\` + storageProvisionerImage + \`,$provisioner," -e "s,\` + storageHelperImage + \`,$helper," \
      >"$rootfs/kind/manifests/default-storage.yaml"
  grep -q "image: $provisioner" "$rootfs/kind/manifests/default-storage.yaml" ||
    die "the pinned kind keeps its storage manifest in another way: see $kind_source/pkg/build/nodeimage"
}

# The images that kubeadm asks for, under the names it asks for.
images_of_kubernetes() {
  local name folder binary
  for name in $("$work/kubernetes/kubeadm" config images list --kubernetes-version "$kubernetes_version"); do
    binary=${name##*/}
    binary=${binary%%:*}
    folder=$work/images/$binary
    case $binary in
    pause)
      mkdir -p "$folder"
      gcc -Os -static -DVERSION=built -o "$folder/pause" "$(source_of kubernetes)/build/pause/linux/pause.c"
      scratch "$name" "$folder" --change 'ENTRYPOINT ["/pause"]'
      ;;
    etcd)
      program "$folder" "$("$root/ci/build.sh" etcd)/server"
      mv "$folder/usr/local/bin/server" "$folder/usr/local/bin/etcd"
      scratch "$name" "$folder"
      ;;
    coredns)
      program "$folder" "$("$root/ci/build.sh" coredns)/coredns"
      scratch "$name" "$folder" --change 'ENTRYPOINT ["/usr/local/bin/coredns"]'
      ;;
    *)
      program "$folder" "$work/kubernetes/$binary"
      [ "$binary" != kube-proxy ] || nft "$folder"
      scratch "$name" "$folder"
      ;;
    esac
  done
}

# nft FOLDER adds what kube-proxy calls. Without the names of the protocols nft lists numbers, which kube-proxy does not
# know again: at its second look at a table, as when a node gets a zone, it would remove its own rules.
nft() {
  with_libraries "$1" /usr/sbin/nft
  mkdir -p "$1/etc"
  cp "$rootfs/etc/protocols" "$1/etc/"
}

# What kind itself brings, the provisioner of the default class and the pods' network, and what the chart's tests run.
images_of_kind() {
  busybox "$work/images/helper"
  # Debian's busybox comes without it, the published one with it.
  with_libraries "$work/images/helper" /usr/bin/flock
  scratch "$helper" "$work/images/helper"
  scratch "docker.io/library/$test_image" "$work/images/helper"
  program "$work/images/provisioner" "$("$root/ci/build.sh" local-path-provisioner)/local-path-provisioner"
  scratch "$provisioner" "$work/images/provisioner"
  busybox "$work/images/pod-network"
  program "$work/images/pod-network" "$work/kubernetes/kubectl" "$here/pod-network.sh"
  scratch localhost/pod-network:1 "$work/images/pod-network" \
    --change 'ENTRYPOINT ["/bin/sh", "/usr/local/bin/pod-network.sh"]'
}

# containerd of the node unpacks the images once, here, so that no cluster has to.
preload() {
  say "unpacking ${#images[@]} images into the node"
  # The image takes its stop signal from this container: systemd shuts down on no other.
  container=$(docker run --detach --privileged --network none --stop-signal SIGRTMIN+3 --entrypoint sleep \
    "$image-bare" infinity)
  docker exec --detach "$container" /usr/local/bin/containerd
  local i
  for ((i = 0; i < 60; i++)); do
    docker exec "$container" ctr version >/dev/null 2>&1 && break
    sleep 0.5
  done
  # containerd warns of an old kernel interface on every call.
  {
    docker save "${images[@]/#/$prefix}" |
      docker exec --interactive "$container" ctr --namespace k8s.io images import --local --discard-unpacked-layers -
    local name
    for name in "${images[@]}"; do
      docker exec "$container" ctr --namespace k8s.io images tag "$prefix$name" "$name"
      docker exec "$container" ctr --namespace k8s.io images rm "$prefix$name"
    done
  } >"$work/ctr.log" 2>&1 || { tail -n 20 "$work/ctr.log" >&2; die "containerd did not take the images"; }
  docker exec "$container" pkill -x containerd
  docker commit --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' --change 'CMD []' \
    "$container" "$image" >/dev/null
}

packages debootstrap gcc libc6-dev libseccomp-dev pkg-config jq
rootfs=$work/rootfs
pause=
provisioner=$(constant const_storage.go storageProvisionerImage)
helper=$(constant const_storage.go storageHelperImage)
# Debian's busybox goes under the name that the chart's defaults ask for.
test_image=$(test_image)

binaries kubernetes "$work/kubernetes"
pause=$("$work/kubernetes/kubeadm" config images list --kubernetes-version "$kubernetes_version" | grep /pause:)
root_file_system
images_of_kubernetes
images_of_kind
tar --create --directory "$rootfs" . |
  docker import --change 'ENV container=docker' - "$image-bare" >/dev/null
preload
say "built $image"

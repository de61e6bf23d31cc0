#!/bin/bash
# Runs in the guest at boot: an NFS server, an iSCSI target, and a kubelet that joins the cluster.
set -euo pipefail

# What differs from boot to boot came along as a tar on the second disk: the address, the cluster's address and CA, a
# token, the kubelet's configuration.
tar --extract --file /dev/vdb --directory /
# shellcheck disable=SC1091  # made by storage-node.sh
source /etc/storage-node.env

# udev makes the links by which the kubelet finds a LUN.
systemctl start systemd-udevd.service
modprobe virtio_net

hostname "$NODE"
ip link set eth0 up
ip address add "$ADDRESS/$PREFIX" dev eth0
ip route add default via "$GATEWAY"
printf '%s\n' "127.0.0.1 localhost $NODE" "$CONTROL_PLANE" >/etc/hosts
sysctl --quiet --write net.ipv4.ip_forward=1
modprobe --all overlay br_netfilter nf_tables

# Every test has its own directory below the export.
mkdir -p /srv/export
chmod 1777 /srv/export
echo '/srv/export *(rw,sync,no_subtree_check,no_root_squash,insecure)' >/etc/exports
systemctl start nfs-server.service

# The kernel keeps reservations there.
mkdir -p /etc/target
modprobe --all target_core_mod target_core_file iscsi_target_mod iscsi_tcp sd_mod
mountpoint --quiet /sys/kernel/config || mount -t configfs none /sys/kernel/config
target=/sys/kernel/config/target
portal=$target/iscsi/$IQN/tpgt_1
mkdir -p "$target/core/fileio_0" "$portal/np/0.0.0.0:3260"
for lun in 0 1; do
  disk=$target/core/fileio_0/checkpoints$lun
  truncate --size 256M "/srv/lun$lun"
  mkdir -p "$disk" "$portal/lun/lun_$lun"
  echo "fd_dev_name=/srv/lun$lun,fd_dev_size=268435456" >"$disk/control"
  echo 1 >"$disk/enable"
  ln -s "$disk" "$portal/lun/lun_$lun/checkpoints$lun"
done
# Any initiator may log in and write: there is one, and it is here.
echo 0 >"$portal/attrib/authentication"
echo 1 >"$portal/attrib/generate_node_acls"
echo 0 >"$portal/attrib/demo_mode_write_protect"
echo 1 >"$portal/enable"
echo "InitiatorName=iqn.2026-01.com.example:$NODE" >/etc/iscsi/initiatorname.iscsi
systemctl start iscsid.service

systemctl start containerd.service
systemctl start kubelet.service

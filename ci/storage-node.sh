#!/usr/bin/env bash
# A third worker of the cluster that serves and mounts what a container cannot: NFS and iSCSI, by a separate kernel in
# a QEMU guest, emulated in software.
# Usage: storage-node.sh up      starts it and adds its facts to .build/cluster.env; where it cannot be had, the reason
#        storage-node.sh pause   has it stand still: emulated, it takes a good part of a core even when it has nothing to do
#        storage-node.sh down    stops it
source "$(dirname "$0")/lib.sh"

pidfile=$build/storage-node.pid
node=$cluster-storage
# Its network namespace, and the ends of the cable to the engine's bridge; names of links have at most 15 characters.
netns=$cluster
near=${cluster#ckpt-}-n far=${cluster#ckpt-}-f
iqn=iqn.2026-01.com.example:checkpoints

own_pid() {
  local pid
  [ -f "$pidfile" ] || return 1
  pid=$(<"$pidfile")
  [ -d "/proc/$pid" ] && tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF -- "$pidfile" || return 1
  echo "$pid"
}

# The guest's address is one that the engine hands out last, derived from the checkout.
network() {
  local subnet a b c d last
  subnet=$(docker network inspect kind --format '{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{"\n"}}{{end}}' | grep -v : | head -n 1)
  gateway=${subnet#* }
  prefix=${subnet%% *} prefix=${prefix#*/}
  # Docker hands out a /16, and where all of those are taken a /20.
  [ "$prefix" -lt 24 ] || die "the network kind has a /$prefix, which has no free address for the storage node; recreate it: docker network rm kind"
  IFS=. read -r a b c d <<<"${subnet%%/*}"
  last=$(((a << 24 | b << 16 | c << 8 | d) | (1 << 32 - prefix) - 1))
  address=$((last >> 24)).$((last >> 16 & 255)).$((last >> 8 & 255)).$((0x${cluster: -2} % 250 + 2))
  bridge=br-$(docker network inspect kind --format '{{.Id}}' | cut -c1-12)
}

plug() {
  unplug
  ip netns add "$netns"
  ip link add "$near" type veth peer name "$far"
  ip link set "$near" master "$bridge" up
  ip link set "$far" netns "$netns"
  ip netns exec "$netns" sh -euc "
    ip link add bridge type bridge
    ip link set $far master bridge up
    ip tuntap add tap mode tap
    ip link set tap master bridge up
    ip link set bridge up"
}

unplug() {
  ! ip link show "$near" >/dev/null 2>&1 || ip link delete "$near"
  ! ip netns list | grep -qw "$netns" || ip netns delete "$netns"
}

# What the guest needs to join, as a tar on a separate disk.
join() {
  local files=$build/storage-node
  rm -rf "$files"
  mkdir -p "$files/etc/kubernetes/pki" "$files/var/lib/kubelet"
  docker exec "$cluster-control-plane" cat /etc/kubernetes/pki/ca.crt >"$files/etc/kubernetes/pki/ca.crt"
  local token server
  token=$(docker exec "$cluster-control-plane" kubeadm token create --ttl 1h 2>/dev/null)
  server=$(docker inspect "$cluster-control-plane" --format '{{.NetworkSettings.Networks.kind.IPAddress}}')
  printf '%s\n' "NODE=$node" "ADDRESS=$address" "PREFIX=$prefix" "GATEWAY=$gateway" "IQN=$iqn" \
    "CONTROL_PLANE='$server $cluster-control-plane'" >"$files/etc/storage-node.env"
  cat >"$files/etc/kubernetes/bootstrap-kubelet.conf" <<END
apiVersion: v1
kind: Config
clusters: [{name: kind, cluster: {server: "https://$server:6443", certificate-authority: /etc/kubernetes/pki/ca.crt}}]
users: [{name: bootstrap, user: {token: $token}}]
contexts: [{name: kind, context: {cluster: kind, user: bootstrap}}]
current-context: kind
END
  cat >"$files/var/lib/kubelet/config.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
rotateCertificates: true
# Only what asks for this node comes here: it is slow.
registerWithTaints: [{key: storage-node, value: "true", effect: NoSchedule}]
END
  echo "KUBELET_KUBEADM_ARGS=\"--node-ip=$address --hostname-override=$node\"" >"$files/var/lib/kubelet/kubeadm-flags.env"
  tar --create --owner=0 --group=0 --directory "$files" --file "$build/storage-node.tar" .
  # A disk has whole sectors.
  truncate --size %512 "$build/storage-node.tar"
}

up() {
  # shellcheck disable=SC1090  # written by cluster.sh
  source "$environment"
  export DOCKER_HOST KUBECONFIG
  local pid
  if pid=$(own_pid) && kill -CONT "$pid" && kubectl wait "node/$node" --for=condition=Ready --timeout=60s >/dev/null 2>&1; then
    network
    enter
    return
  fi
  if ! as_root_on_debian; then
    facts STORAGE_ "STORAGE_MISSING=the storage node is a QEMU guest, which takes root on Debian"
    return
  fi
  down
  packages iproute2
  local made
  made=$("$root/ci/storage-node/image.sh")
  network
  # One that is left of a guest before this would pass for ready.
  kubectl --namespace kube-system delete pod storage-shell --ignore-not-found --force --grace-period=0 >/dev/null 2>&1 ||
    die "the pod storage-shell of a guest before this cannot be deleted"
  kubectl delete node "$node" --ignore-not-found --timeout=60s >/dev/null
  plug
  join
  qemu-img create -q -f qcow2 -b "$made/disk.img" -F raw "$build/storage-node.qcow2"
  say "starting storage node $node at $address, log in .build/storage-node.log"
  # The kernel's check of its timer counts ticks in real time, of which a busy machine gives the guest too few. One that
  # panics all the same ends, and says so in its log. Emulated, it is the slowest of all and is waited for: it goes first,
  # before its own session by its niceness, and before the others', where the kernel weighs sessions, by its autogroup's.
  setsid nohup nice -n -10 sh -c '[ ! -w /proc/self/autogroup ] || echo -10 >/proc/self/autogroup; exec "$@"' - \
    ip netns exec "$netns" qemu-system-x86_64 \
    -name "$node" -pidfile "$pidfile" -nographic -no-reboot \
    -machine q35 -accel tcg,thread=multi,tb-size=512 -cpu max -smp 2 -m 3072 \
    -kernel "$made/vmlinuz" -initrd "$made/initramfs" \
    -append "console=ttyS0 root=/dev/vda rw mitigations=off no_timer_check panic=-1 systemd.unified_cgroup_hierarchy=1 net.ifnames=0 quiet" \
    -drive "file=$build/storage-node.qcow2,if=virtio,format=qcow2" \
    -drive "file=$build/storage-node.tar,if=virtio,format=raw,readonly=on" \
    -netdev tap,id=net,ifname=tap,script=no,downscript=no \
    -device "virtio-net-pci,netdev=net,mac=52:54:00:00:$(printf %02x:%02x $((0x${cluster: -4:2})) $((0x${cluster: -2})))" \
    </dev/null >"$build/storage-node.log" 2>&1 7>&- 8>&- 9>&- &
  local i
  for ((i = 0; i < 300; i++)); do
    kubectl get "node/$node" >/dev/null 2>&1 && break
    sleep 1
    # A guest that could not start will not join.
    [ "$i" -lt 5 ] || own_pid >/dev/null || break
  done
  kubectl wait "node/$node" --for=condition=Ready --timeout=300s >/dev/null || {
    tail -n 30 "$build/storage-node.log" >&2
    die "storage node $node did not become Ready, see .build/storage-node.log"
  }
  enter
}

# enter creates the pod through which tests reach the guest, and records it for them.
enter() {
  kubectl apply --filename - >/dev/null <<END
# By which tests reach the guest as its root.
apiVersion: v1
kind: Pod
metadata: {name: storage-shell, namespace: kube-system}
spec:
  nodeName: $node
  tolerations: [{operator: Exists}]
  terminationGracePeriodSeconds: 0
  containers:
    - name: shell
      image: localhost/pod-network:1
      imagePullPolicy: Never
      command: [sleep, infinity]
      securityContext: {privileged: true}
      volumeMounts: [{name: guest, mountPath: /guest}]
  volumes: [{name: guest, hostPath: {path: /}}]
END
  kubectl --namespace kube-system wait pod/storage-shell --for=condition=Ready --timeout=120s >/dev/null
  # The clock of a guest that was paused stood still with it.
  kubectl --namespace kube-system exec storage-shell -- chroot /guest date --utc --set "@$(date +%s)" >/dev/null
  facts STORAGE_ "STORAGE_NODE=$node" "STORAGE_ADDRESS=$address" "STORAGE_IQN=$iqn"
  say "storage node $node is up"
}

pause() {
  local pid
  pid=$(own_pid) || return 0
  kill -STOP "$pid"
}

down() {
  local pid i
  if pid=$(own_pid); then
    say "stopping storage node $node"
    kill "$pid"
    kill -CONT "$pid"
    for ((i = 0; i < 50; i++)); do
      [ -e "/proc/$pid" ] || break
      sleep 0.2
    done
  fi
  if [ "$(id -u)" = 0 ]; then
    unplug
  fi
  rm -rf "$build"/storage-node*
  [ ! -f "$environment" ] || facts STORAGE_
}

action=${1:-}
case $action in
up | pause | down) "$action" ;;
*) die "usage: storage-node.sh up|pause|down" ;;
esac

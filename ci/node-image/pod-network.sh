#!/bin/sh
# The pod network of a node that was built here, in place of kindnet: pods of this node take addresses from the node's
# own range, and the other nodes' ranges are reached by a route to that node. All nodes share one link.
set -eu

config=/etc/cni/net.d/10-pod-network.conflist

plumb() {
  name=$1 range=$2 address=$3
  if [ "$name" != "$NODE_NAME" ]; then
    ip route replace "$range" via "$address"
    return
  fi
  [ ! -e "$config" ] || return 0
  cat >"$config.new" <<END
{
  "cniVersion": "1.0.0",
  "name": "pod-network",
  "plugins": [
    {"type": "ptp", "ipMasq": false,
     "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam-state", "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "$range"}]]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
END
  mv "$config.new" "$config"
}

# The watch ends now and then, and fails until kube-proxy serves the API server's address: begin again.
while :; do
  kubectl get nodes --watch --output \
    'jsonpath={.metadata.name} {.spec.podCIDR} {.status.addresses[?(@.type=="InternalIP")].address}{"\n"}' |
    while read -r name range address; do
      # A node that has just joined has no range yet; it comes again when it has.
      [ -z "$address" ] || plumb "$name" "$range" "$address"
    done
  sleep 1
done

# Images that are made here and given to the cluster's workers, which can pull none. For the scripts that source it.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# shellcheck disable=SC1090  # written by cluster.sh
source "$environment"
export DOCKER_HOST

# give NAME KEY FACT sees to it that every worker has the image NAME:KEY, and adds its name to .build/cluster.env as FACT.
give() {
  local image=localhost/checkpoint-storage/$1:$2 node missing=()
  for node in $(kind get nodes --name "$CLUSTER" | grep worker); do
    docker exec "$node" crictl inspecti --quiet "$image" >/dev/null 2>&1 || missing+=("$node")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    archived "$1" "$2"
    say "loading $image into the workers"
    kind load image-archive "$archive" --name "$CLUSTER" --nodes "$(IFS=,; echo "${missing[*]}")"
  fi
  facts "$3=" "$3=$image"
}

# archived NAME KEY sees to it that there is an archive of the image, and sets archive to its path. What the image is made of,
# the tar of a root file system, is written by the function root_file_system; entrypoint may be set to a command without
# arguments.
archived() {
  archive=$cache/worker-images/$1-$2.tar
  mkdir -p "$cache/worker-images"
  # One build at a time: a second cluster, or checkout, waits and finds the result.
  exec 8>"$archive.lock"
  flock 8
  if [ ! -f "$archive" ]; then
    pack "localhost/checkpoint-storage/$1:$2" "$archive"
    # Of inputs that were abandoned long ago.
    find "$cache/worker-images" -name "$1-*" -mtime +30 -delete
  fi
  exec 8>&-
}

# unpacked NAME KEY sees to it that the image's root file system is in a directory of this machine, and prints its path.
unpacked() {
  local directory=$cache/worker-images/$1-$2.root layer
  archived "$1" "$2"
  exec 8>"$archive.lock"
  flock 8
  if [ ! -d "$directory" ]; then
    rm -rf "$directory.part"
    mkdir "$directory.part"
    layer=$(tar --list --verbose --file "$archive" | sort -k 3 -n | awk 'END { print $NF }')
    tar --extract --to-stdout --file "$archive" "$layer" >"$directory.layer"
    tar --extract --directory "$directory.part" --file "$directory.layer"
    rm "$directory.layer"
    mv "$directory.part" "$directory"
  fi
  exec 8>&-
  echo "$directory"
}

# pack IMAGE FILE writes an archive of the image, in the layout of the OCI.
pack() {
  local layer config manifest compression=gzip
  ! command -v zstd >/dev/null || compression=zstd
  layout=$(mktemp -d "$2.XXXXXX")
  trap 'rm -rf "$layout" "$layout.tar"' EXIT
  mkdir -p "$layout/blobs/sha256"
  root_file_system | "$compression" -3 >"$layout/layer"
  layer=$(digest "$compression" -dc "$layout/layer")
  cat >"$layout/config" <<END
{"architecture": "$(go env GOARCH)", "os": "linux", "config": {"Entrypoint": [${entrypoint:+\"$entrypoint\"}]},
 "rootfs": {"type": "layers", "diff_ids": ["$layer"]}}
END
  config=$(blob application/vnd.oci.image.config.v1+json "$layout/config")
  layer=$(blob "application/vnd.oci.image.layer.v1.tar+$compression" "$layout/layer")
  echo '{"schemaVersion": 2, "config": {'"$config"'}, "layers": [{'"$layer"'}]}' >"$layout/manifest"
  manifest=$(blob application/vnd.oci.image.manifest.v1+json "$layout/manifest")
  echo '{"imageLayoutVersion": "1.0.0"}' >"$layout/oci-layout"
  echo '{"schemaVersion": 2, "manifests": [{'"$manifest"', "annotations": {"io.containerd.image.name": "'"$1"'"}}]}' \
    >"$layout/index.json"
  tar --create --directory "$layout" --file "$layout.tar" .
  mv "$layout.tar" "$2"
}

# digest COMMAND... prints the digest of what the command writes.
digest() { "$@" | sha256sum | sed 's/^\([0-9a-f]*\).*/sha256:\1/'; }

# blob TYPE FILE moves a file to where the layout has it, and prints its descriptor.
blob() {
  local digest
  digest=$(digest cat "$2")
  echo '"mediaType": "'"$1"'", "digest": "'"$digest"'", "size": '"$(stat -c %s "$2")"
  mv "$2" "$layout/blobs/sha256/${digest#*:}"
}

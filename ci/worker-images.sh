# Images that are made here and given to the cluster's workers, which can pull none. For the scripts that source it.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

environment=$build/cluster.env
# shellcheck disable=SC1090  # written by cluster.sh
source "$environment"
export DOCKER_HOST

# give IMAGE FACT sees to it that every worker has the image, made by the function make_image where the engine has none,
# and adds its name to .build/cluster.env as FACT.
give() {
  local image=$1 node missing=()
  for node in $(kind get nodes --name "$CLUSTER" | grep worker); do
    docker exec "$node" crictl inspecti --quiet "$image" >/dev/null 2>&1 || missing+=("$node")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    docker image inspect "$image" >/dev/null 2>&1 || make_image
    say "loading $image into the workers"
    kind load docker-image "$image" --name "$CLUSTER" --nodes "$(IFS=,; echo "${missing[*]}")" --quiet
  fi
  sed -i "/^$2=/d" "$environment"
  echo "$2=$image" >>"$environment"
}

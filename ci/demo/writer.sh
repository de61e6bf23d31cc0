#!/bin/sh
# Saves checkpoints as a trainer of four ranks does, until it is killed: each rank's shard is written and flushed under
# a name that no reader takes for a checkpoint, and the whole is published by one rename.
set -eu
cd "$CHECKPOINT_DIR"
rm -rf step-??????.part
step=0
for saved in step-??????; do
  [ ! -d "$saved" ] || step=$(expr "${saved#step-}" + 0)
done

while :; do
  step=$((step + 1))
  name=$(printf 'step-%06d' "$step")
  mkdir "$name.part"
  for rank in 0 1 2 3; do
    head -c 16777216 /dev/urandom >"$name.part/shard-$rank"
  done
  (cd "$name.part" && sha256sum shard-* >SHA256SUMS)
  sync
  mv "$name.part" "$name"
  sync
  echo "saved $name: 4 shards, 64 MiB"
  # The last two are kept.
  rm -rf "$(printf 'step-%06d' $((step - 2)))"
done

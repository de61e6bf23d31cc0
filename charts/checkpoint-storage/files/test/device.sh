# A raw device: writing would destroy what is on it.
set -eu
dd if="$CHECKPOINT_DIR" of=/dev/null bs=1M count=1
echo "the device is there and can be read"

# A raw device: writing would destroy what is on it.
set -eu
dd if="$CHECKPOINT_DIR" of=/dev/null bs=1M count=1
echo "the device is there and can be read"
if [ -n "${READ_ONLY:-}" ]; then
  # Opened, and not written to.
  if (: >>"$CHECKPOINT_DIR") 2>/dev/null; then
    echo "FAILED: a pod that is to read only can open the device for writing" >&2
    exit 1
  fi
  echo "and cannot be opened for writing"
fi

# A claim that pods may only read: is it there, and can it be listed?
set -eu
cd "$CHECKPOINT_DIR"
ls -a >/dev/null
echo "mounted and readable"

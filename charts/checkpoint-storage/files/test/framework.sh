# Saves as frameworks do, from two pods: the first tries every operation, then both write, read, lock and wait for each
# other's files, and the second prints what was seen. After one another (ReadWriteOncePod), the second only reads.
set -eu
. "$(dirname "$0")/lib.sh"
. "$here/probe.sh"
. "$here/pair.sh"

first() {
  start
  [ "$MEETING" = after ] || signal begin "$NODE"
  probe >"$work/seen" || exit 1
  write_shards 0 4
  if [ "$MEETING" = after ]; then
    echo "$NODE" >"$work/first"
    signal done
  else
    meet_second
  fi
  echo "pod 0 on node $NODE has saved; pod 1 prints what both have seen"
}

second() {
  start
  if [ "$MEETING" = after ]; then
    await done "the file that the first pod wrote is not there: the pods do not see the same storage"
  else
    meet_first
  fi
  read_shards 0 4 >"$work/seen-second"
  status=0
  report || status=$?
  cd "$CHECKPOINT_DIR"
  rm -rf "$work" 2>/dev/null || echo "not deleted, because the mount does not let it: $work"
  exit $status
}

report() {
  cat "$work/seen" "$work"/seen-* 2>/dev/null | awk -f "$here/quantity.awk" -f "$here/report.awk" -v mount="${CHECKPOINT_DIR%/}" -v claim="$CLAIM" \
    -v size="$SIZE" -v asked="$OPTIONS" -v first="$(cat "$work/first")" -v second="$NODE" -v meeting="$MEETING" \
    -v space="$(df -P -k "$CHECKPOINT_DIR" | tail -n 1)" "$here/operations" /proc/self/mountinfo -
}

case $JOB_COMPLETION_INDEX in
0) first ;;
*) second ;;
esac

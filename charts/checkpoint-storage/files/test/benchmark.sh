# Measures as a node full of ranks saves: each rank writes its own file, in order, flushed at the end; then the
# other pod reads them. fio does the work.
set -eu
. "$(dirname "$0")/lib.sh"

# fio has its own mind about what M and Mi are.
size=$(awk -v print_bytes="$BYTES" -f "$here/quantity.awk")

# measure NAME OPTION… runs fio for every rank and keeps its figures.
measure() {
  name=$1
  shift
  # The content cannot be compressed, and a mount of a bucket cannot preallocate.
  fio --name="$name" --directory="$work" --filename_format='rank.$jobnum' --numjobs="$WRITERS" --ioengine=psync \
    --bs=4M --fallocate=none --refill_buffers=1 --output-format=json --output="$work/$name.json" "$@" ||
    die "fio: $(tail -n 3 "$work/$name.json" 2>/dev/null)"
}

print() {
  awk -f "$here/quantity.awk" -f "$here/fio.awk" -v checkpoint="$CHECKPOINT" -v first="$(cat "$work/first")" -v second="$NODE" \
    "$work/write.json" "$work/read.json" "$work/fsync.json"
}

case $JOB_COMPLETION_INDEX in
0)
  start
  echo "$NODE" >"$work/first"
  measure write --rw=write --size="$size" --create_on_open=1 --end_fsync=1
  # One rank's small file, flushed after each block: what a flush costs.
  WRITERS=1 measure fsync --rw=write --filename_format=fsync --bs=4k --size=4M --fsync=1
  signal done
  echo "pod 0 on node $NODE has written $WRITERS files of $BYTES; pod 1 reads them and prints the figures"
  ;;
*)
  start
  await done "the first pod did not finish writing in time: give benchmark.timeoutSeconds more, or bytesPerWriter less" >/dev/null
  measure read --rw=read --size="$size"
  print
  rm -rf "$work" 2>/dev/null || echo "not deleted, because the mount does not let it: $work"
  ;;
esac

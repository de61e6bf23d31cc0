# What two pods find out together. They talk by files on the claim: nothing else is sure to connect them.

# write_shards FROM COUNT writes that many at once, a mebibyte each.
write_shards() {
  flush=
  ! does fsync || flush=conv=fsync
  writers=
  for shard in $(seq "$1" $(($1 + $2 - 1))); do
    content "$shard" | dd of="$work/shard-$shard" bs=64k $flush 2>/dev/null &
    writers="$writers $!"
  done
  for writer in $writers; do
    wait "$writer" || die "cannot write shard files of 1 MiB: $(df -h "$CHECKPOINT_DIR" | tail -n 1)"
  done
}

# read_shards FROM COUNT prints a line of what was seen: with the names of the shards that are not what was written.
read_shards() {
  wrong=
  for shard in $(seq "$1" $(($1 + $2 - 1))); do
    [ "$(sum <"$work/shard-$shard")" = "$(content "$shard" | sum)" ] || wrong="$wrong shard-$shard"
  done
  if [ -z "$wrong" ]; then echo "reread|yes|"; else echo "reread|no|wrong content:$wrong"; fi
}

# does OPERATION says whether the probe found that it works.
does() { grep -q "^$1|yes" "$work/seen"; }

# race counts the files that this pod was the one to create, of twenty that both try to.
race() {
  won=0
  for i in $(seq 20); do
    ! create "$work/race/$i" 2>/dev/null || won=$((won + 1))
  done
  echo "$won"
}

meet_second() {
  echo "$NODE" >"$work/first"
  mkdir -p "$work/race" "$work/visible"
  await here "the second pod did not start in time; see: kubectl describe pod" >/dev/null

  signal race
  won=$(race)
  theirs=$(await raced "the second pod went away")
  ! does exclusiveCreate || [ $((won + theirs)) -eq 20 ] ||
    echo "exclusiveCreate|no|of 20 files, $won and $theirs were created by one pod each" >"$work/seen-race"

  if does lockExcludes; then
    lock "$work/race/lock"
    signal locked held
    got=$(await tried "the second pod went away")
    exec 9>&-
    [ "$got" = refused ] || echo "lockExcludes|no|both pods had one lock at a time" >"$work/seen-lock"
  else
    signal locked never
  fi

  # The other pod looks for the file before it is there, as a rank that waits for a checkpoint does.
  await looks "the second pod went away" >/dev/null
  sleep 0.5
  from=$(now)
  put "$work/visible/latest" one
  case $(await saw-new "the second pod went away") in
  yes) echo "visible|yes|after $(seconds $(($(now) - from))) s" ;;
  *) echo "visible|no|not within $watch s" ;;
  esac >"$work/seen-new"
  from=$(now)
  if does overwrite; then
    put "$work/visible/latest" two
  elif does renameReplace; then
    put "$work/visible/next" two
    mv -f "$work/visible/next" "$work/visible/latest"
  fi
  if does overwrite || does renameReplace; then
    signal rewritten yes
    case $(await saw-rewritten "the second pod went away") in
    yes) echo "rewritten|yes|after $(seconds $(($(now) - from))) s" ;;
    *) echo "rewritten|no|not within $watch s" ;;
    esac >"$work/seen-rewritten"
  else
    signal rewritten no
  fi

  await written "the second pod went away" >/dev/null
  read_shards 4 4 >"$work/seen-first"
  signal done
}

# How long a pod looks for the other's file, in seconds: NFS may believe for a minute that a file is not there.
watch=75

# look COMMAND… waits until it succeeds, changing nothing that would make the client look again sooner.
look() {
  limit=$(($(now) + watch * 100))
  until "$@"; do
    [ "$(now)" -lt $limit ] && ! late || return 1
    sleep 0.1
  done
}

latest_is() { [ "$(cat "$work/visible/latest" 2>/dev/null)" = "$1" ]; }

meet_first() {
  await begin "the first pod's files are not there: either it did not start in time, or the pods do not see the same storage" >/dev/null
  signal here

  await race "the first pod went away" >/dev/null
  signal raced "$(race)"

  if [ "$(await locked "the first pod went away")" = held ]; then
    if (lock "$work/race/lock"); then signal tried given; else signal tried refused; fi
  fi

  signal looks
  if look latest_is one; then signal saw-new yes; else signal saw-new no; fi
  if [ "$(await rewritten "the first pod went away")" = yes ]; then
    if look latest_is two; then signal saw-rewritten yes; else signal saw-rewritten no; fi
  fi

  write_shards 4 4
  signal written
  await done "the first pod went away" >/dev/null
}

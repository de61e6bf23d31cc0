# What one pod alone can find out: each function does an operation as frameworks do, and says why it failed.

try_fsync() { content fsync | dd of=file bs=64k conv=fsync; }

try_renameFile() {
  put part new && mv part final && [ "$(cat final)" = new ] && [ ! -e part ]
}

try_renameReplace() {
  put final old && put part new && mv -f part final && [ "$(cat final)" = new ] && [ ! -e part ]
}

try_renameDirectory() {
  mkdir part && put part/file new && mv part final && [ "$(cat final/file)" = new ] && [ ! -e part ]
}

try_overwrite() { put file old && put file new && [ "$(cat file)" = new ]; }

try_append() { printf old >file && printf new >>file && [ "$(cat file)" = oldnew ]; }

try_unlink() {
  put file old && rm file && [ ! -e file ] &&
    mkdir -p step/rank && put step/rank/file old && rm -r step && [ ! -e step ]
}

# create FILE succeeds for the one who makes the file.
create() { (set -C && : >"$1"); }

try_exclusiveCreate() { create file && ! create file 2>/dev/null; }

try_chmod() { put file new && chmod 600 file; }

# lock FILE succeeds for one at a time, and holds the lock until file descriptor 9 is closed. For writing, because NFS
# gives no other lock on a file that is only read.
lock() { exec 9>>"$1" && flock -n 9; }

try_lock() {
  (lock file && if (lock file); then echo "two had one lock at a time" >&2 && false; fi) && (lock file)
}

# possible says whether an operation can be tried with what the image has.
possible() {
  case $1 in
  lock) command -v flock >/dev/null ;;
  mmap | visible) return 1 ;;
  esac
}

# probe tries every operation and prints a line for each: operation|yes, no or untested|why.
probe() {
  while IFS='|' read -r operation _; do
    if ! possible "$operation"; then
      echo "$operation|untested|"
      continue
    fi
    mkdir -p "$work/$operation" && cd "$work/$operation" || die "cannot make a directory"
    if why=$("try_$operation" 2>&1 >/dev/null </dev/null); then
      echo "$operation|yes|"
    else
      echo "$operation|no|$(echo "$why" | grep -v -e ' records ' -e ' bytes ' | tail -n 1 | sed 's,^/[^ ]*: line [0-9]*: ,,' | tr '|' /)"
    fi
  done <"$here/operations"
}

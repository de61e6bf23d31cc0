# What one pod alone can find out: each function does an operation as frameworks do, and says why it failed.

try_fsync() { content fsync | dd of=file bs=64k conv=fsync; }

try_fsyncDirectory() { put file new && sync .; }

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

try_writeAnywhere() {
  put file aaaa && printf b | dd of=file bs=1 seek=1 conv=notrunc && [ "$(cat file)" = abaa ]
}

try_append() { printf old >file && printf new >>file && [ "$(cat file)" = oldnew ]; }

# Without conv=notrunc, dd cuts or lengthens the file to where it would begin.
try_truncate() {
  put file aaaa && dd if=/dev/null of=file bs=1 seek=2 && [ "$(cat file)" = aa ] &&
    dd if=/dev/null of=file bs=1 seek=64 && [ "$(wc -c <file)" -eq 64 ]
}

try_unlink() {
  put file old && rm file && [ ! -e file ] &&
    mkdir -p step/rank && put step/rank/file old && rm -r step && [ ! -e step ]
}

# create FILE succeeds for the one who makes the file.
create() { (set -C && : >"$1"); }

try_exclusiveCreate() { create file && ! create file 2>/dev/null; }

try_symlink() { put file new && ln -s file link && [ "$(cat link)" = new ]; }

try_chmod() { put file new && chmod 600 file; }

# mode_is FILE LETTERS compares a file's mode with what ls shows of it.
mode_is() { [ "$(ls -l "$1" | cut -c 2-10)" = "$2" ]; }

try_keepMode() {
  put file new && chmod 600 file && mode_is file rw------- && chmod 640 file && mode_is file rw-r-----
}

try_utimes() { put file new && touch -t 200102030405 file; }

# lock FILE succeeds for one at a time, and holds the lock until file descriptor 9 is closed. For writing, because NFS
# gives no other lock on a file that is only read.
lock() { exec 9>>"$1" && flock -n 9; }

try_flock() { (lock file); }

try_lockExcludes() {
  (lock file && if (lock file); then echo "two had one lock at a time" >&2 && false; fi) && (lock file)
}

try_fcntlLock() { python3 -c 'import fcntl; fcntl.lockf(open("file", "w"), fcntl.LOCK_EX)'; }

try_mmap() {
  put file new && python3 -c '
import mmap
with open("file", "rb") as file:
    assert mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE)[:3] == b"new"'
}

try_directIO() { content direct | head -c 4096 | dd of=file bs=4096 iflag=fullblock oflag=direct && [ "$(wc -c <file)" -eq 4096 ]; }

# possible says whether an operation can be tried with what the image has.
possible() {
  case $1 in
  flock | lockExcludes) command -v flock >/dev/null ;;
  # A shell can do neither.
  fcntlLock | mmap) command -v python3 >/dev/null ;;
  directIO) dd --help 2>&1 | grep -q direct ;;
  visible) return 1 ;;
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

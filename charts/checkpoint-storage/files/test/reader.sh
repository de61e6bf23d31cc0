# A claim that pods only read: can it be listed and read, and is writing refused?
set -eu
. "$(dirname "$0")/lib.sh"

cd "$CHECKPOINT_DIR" || die "the claim is not mounted"
ls -a >/dev/null || die "cannot list the claim as $(id -u):$(id -g)"

# readable prints a file that this user may read; of a store of many files, one that is near the root.
readable() {
  find . -maxdepth 3 -type f 2>/dev/null | head -n 100 | while read -r file; do
    [ ! -r "$file" ] || { echo "$file" && break; }
  done
}

found=$(find . -maxdepth 3 -type f 2>/dev/null | head -n 1)
file=$(readable)
[ -z "$found" ] || [ -n "$file" ] ||
  die "there are files, such as $found, and user $(id -u):$(id -g) may read none. Set podSecurityContext to who may."
[ -z "$file" ] || head -c 1048576 "$file" >/dev/null || die "cannot read $file"

probe=.helm-test-$RUN
if why=$( (: >"$probe") 2>&1); then
  rm -f "$probe"
  die "a pod that is to read only has written: the mount is writable"
fi
# The kernel says so before it looks at anybody's rights.
case $why in
*"Read-only file system"*) ;;
*) die "writing is refused to user $(id -u):$(id -g), but the mount is not read-only: $why" ;;
esac

# The last field has the options of the file system itself; a pod's mount of it has others before.
case ,$(awk -v at="${CHECKPOINT_DIR%/}" '$5 == at { options = $NF } END { print options }' /proc/self/mountinfo), in
*,ro,*) echo "the file system is mounted read-only" ;;
*) echo "this pod's mount is read-only, the file system is not: a pod that does not ask for readOnly may be able to write" ;;
esac
echo "${file:-an empty directory} can be read, and writing is refused"

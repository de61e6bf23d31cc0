# Looks for the newest published checkpoint, and fails when it is too old.
#
# From the CronJob: DIRECTORY, MAX_AGE (seconds), PUBLISHED (patterns of paths; those that begin with ! are of what is not
# published yet).
set -eu
# The patterns are find's to expand.
set -f

die() {
  echo "FAILED: $*" >&2
  exit 1
}

# What fsck has found is root's alone.
set -- "$DIRECTORY" -name lost+found -prune -o -type f '('
or=
hidden=
for pattern in $PUBLISHED; do
  case $pattern in
  !*) hidden="$hidden ${pattern#!}" ;;
  *)
    set -- "$@" $or -path "$pattern"
    or=-o
    ;;
  esac
done
set -- "$@" ')'
for pattern in $hidden; do
  set -- "$@" '!' -path "$pattern"
done

[ -d "$DIRECTORY" ] || die "there is no directory $DIRECTORY"
# The times alone first: a name may hold a line break. What is deleted while find looks is no error.
newest=$(find "$@" -exec stat -c %Y '{}' + | sort -n | tail -n 1)
[ -n "$newest" ] || die "no checkpoint is published below $DIRECTORY; its file would match $PUBLISHED"
path=$(find "$@" -exec stat -c '%Y %n' '{}' + | grep -m 1 "^$newest " | cut -d ' ' -f 2- | tr -d '\000-\037\177')
age=$(($(date +%s) - newest))
[ "$age" -ge -300 ] || die "$path is $((-age)) s in the future: the clocks of the storage and of this node differ"
[ "$age" -le "$MAX_AGE" ] || die "the newest checkpoint, $path, is $age s old, and $MAX_AGE s is the most"
echo "the newest checkpoint, $path, is $age s old"

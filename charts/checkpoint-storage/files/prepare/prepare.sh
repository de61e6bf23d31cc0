# Makes one directory at the root of the claim; what is already as it should be is left alone.
#
# From the Job: MOUNT (where the claim is mounted), DIRECTORY, MODE, OWNER and GROUP (ids, or nothing), TAKE_OVER.
#
# Others may write at the root of the claim, and change what is there at any moment. So the directory is entered first, and
# everything is asked of and done to the directory that was entered, by the name that no link can have: "."
set -eu

die() {
  echo "FAILED: $*" >&2
  exit 1
}

me() { echo "this is user $(id -u):$(id -g)"; }

cd -P "$MOUNT"
root=$(pwd -P)
owns="the root of the claim is $(stat -c '%u:%g mode %a' .), and $(me)"

[ ! -L "$DIRECTORY" ] || die "$DIRECTORY is a symbolic link, and where it leads is not for this to change; $owns"
[ -d "$DIRECTORY" ] || [ ! -e "$DIRECTORY" ] || die "$DIRECTORY is there already, and is no directory"
[ -d "$DIRECTORY" ] || mkdir "$DIRECTORY" || [ -d "$DIRECTORY" ] ||
  die "cannot make $DIRECTORY; $owns. Set prepare.owner and prepare.group, so that root makes it; where the server maps root to another user, set podSecurityContext to who may write there"
cd -P "$DIRECTORY" || die "cannot enter $DIRECTORY, which is $(stat -c '%u:%g mode %a' "$DIRECTORY"); $(me)"
[ "$(pwd -P)" = "${root%/}/$DIRECTORY" ] && [ .. -ef "$root" ] ||
  die "$DIRECTORY leads elsewhere: it became a symbolic link, or was moved, while it was entered"

have() { stat -c "$1" .; }
was=$(have '%u:%g')
before=$(have '%u:%g %a')
mode=$(echo "$MODE" | sed 's/^0*//')

# right says whether the directory is as it should be.
right() {
  [ "$(have %a)" = "${mode:-0}" ] &&
    { [ -z "$OWNER" ] || [ "$(have %u)" = "$OWNER" ]; } &&
    { [ -z "$GROUP" ] || [ "$(have %g)" = "$GROUP" ]; }
}

# ours says whether it may be changed: it is its new owner's already, or holds nothing. What cannot be listed may hold something.
empty=
ours() {
  [ "$(have %u)" = "${OWNER:-$(id -u)}" ] || [ "$TAKE_OVER" = true ] || { files=$(ls -A .) && [ -z "$files" ] && empty=true; }
}

right || ours ||
  die "$DIRECTORY is there already, with files in it, and belongs to user $(have %u) (group $(have %g), mode $(have %a)). Choose another prepare.directory; or, where it is yours to give away, set prepare.takeOver: true, which changes the directory and nothing in it"
# The mode comes last: before, who it belonged to could set another one.
[ -z "$OWNER" ] || [ "$(have %u)" = "$OWNER" ] || chown "$OWNER" . || die "cannot give $DIRECTORY to user $OWNER; where the server maps root to another user, leave prepare.owner out"
[ -z "$GROUP" ] || [ "$(have %g)" = "$GROUP" ] || chgrp "$GROUP" . || die "cannot give $DIRECTORY to group $GROUP; where the server maps root to another user, leave prepare.group out"
[ "$(have %a)" = "${mode:-0}" ] || chmod "$MODE" . || die "cannot set the mode of $DIRECTORY, which belongs to $(have %u:%g); $(me)"
# Until then, who it belonged to could also put something into it.
[ -z "$empty" ] || [ -z "$(find . ! -name . -prune ! -user "$(have %u)")" ] || {
  chown "$was" .
  die "files came into $DIRECTORY while it was given away, and it is as it was: user and group $was"
}
echo "$DIRECTORY: $before -> $(have '%u:%g %a')"

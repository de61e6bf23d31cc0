# What the scripts of this folder share. They run in any busybox from 1.35 on, as a user of no privilege.
#
# From the Job: CHECKPOINT_DIR (where the claim is mounted), CLAIM, RUN (known to both pods of this run and to no other),
# NODE, MEETING (spread, together, after or alone), PATIENCE (seconds).

here=$(dirname "$0")
# The folder on the claim that this run works in.
work=$CHECKPOINT_DIR/.helm-test-$(echo "$CLAIM" | tr / -)-$RUN

die() {
  echo "FAILED: $*" >&2
  exit 1
}

# now prints hundredths of a second since the node started: two pods' clocks may differ, so times are taken by one.
now() {
  read -r uptime _ </proc/uptime
  echo "$uptime" | tr -d .
}

started=$(now)

# late says whether the time is up. The rest of the patience is for cleaning up.
late() { [ $(($(now) - started)) -gt $(((PATIENCE - 15) * 100)) ]; }

# seconds HUNDREDTHS prints seconds with one decimal.
seconds() { echo "$(($1 / 100)).$(($1 / 10 % 10))"; }

# put FILE TEXT writes a file.
put() { echo "$2" >"$1"; }

# content SHARD prints the mebibyte that the shard holds: both pods know it, so neither has to be believed.
content() { yes "$RUN $1" | head -c 1048576; }
sum() { sha256sum | cut -d ' ' -f 1; }

# signal NAME [TEXT] signals the other pod, with a text.
signal() { put "$work/talk/$1" "${2:-}" || die "cannot write $work/talk/$1"; }

# await NAME WHAT waits for the other pod's signal and prints its text. A client that has once looked in vain may go on
# to believe that for a minute; its own change in the directory makes it look again. Where that fails it waits on.
await() {
  until [ -s "$work/talk/$1" ]; do
    [ ! -s "$work/talk/failed" ] || die "the other pod has failed, and says why"
    ! late || die "$2"
    (: >"$work/talk/look-$JOB_COMPLETION_INDEX" && rm "$work/talk/look-$JOB_COMPLETION_INDEX") 2>/dev/null || true
    sleep 0.2
  done
  cat "$work/talk/$1"
}

# tell_failure keeps the other pod from waiting for one that has failed. It is ignored if it cannot be written.
tell_failure() {
  [ $? = 0 ] || (echo "$JOB_COMPLETION_INDEX" >"$work/talk/failed") 2>/dev/null || true
}

# start makes the run's folder, as every rank of a training does at once, and clears what a run before this one left:
# what the other pod has cleared already, or may not be cleared, does not matter.
start() {
  trap tell_failure EXIT
  cd "$CHECKPOINT_DIR" || die "cannot enter $CHECKPOINT_DIR as $(id -u):$(id -g). With prepare, see that its Job has ended" \
    "well, and that podSecurityContext.runAsUser is prepare.owner."
  mkdir -p "$work/talk" || die "cannot write as $(id -u):$(id -g); the volume's root is $(stat -c '%u:%g mode %a' .)." \
    "Make the directory writable; or have one made for this user:" \
    "--set prepare.enabled=true,prepare.directory=team-a,prepare.owner=$(id -u);" \
    "or save as its owner: --set podSecurityContext.runAsUser=$(stat -c %u .)"
  for left in "${work%-"$RUN"}"-*; do
    [ "$left" = "$work" ] || rm -rf "$left" || true
  done
}

#!/usr/bin/env bash
# Sees to it that there are root file systems with the frameworks, and prints the path of the one of Debian's stable release;
# that of another release is beside it, with the release's name at its end. Takes root on a Debian.
# Usage: frameworks-image.sh
source "$(dirname "$0")/lib.sh"

as_root_on_debian || die "the frameworks' root file systems are made of Debian's packages, as root on a Debian"
frameworks=$root/charts/checkpoint-storage/frameworks
image=$cache/frameworks/$(key "$root"/ci/frameworks-image/* "$frameworks"/*/requirements.txt)/root
read -ra packages <"$root/ci/frameworks-image/packages"
mkdir -p "$(dirname "$image")"
exec 9>"$(dirname "$image")/lock"
flock 9
made_of() { bash "$root/ci/frameworks-image/build.sh" "$1" "$frameworks" "$2" "${packages[@]}" >"$build/frameworks-$1.log" 2>&1; }
for release in trixie $(sed -n 's/^# debian: //p' "$frameworks"/*/program.py | sort -u); do
  to=$image-$release
  [ "$release" != trixie ] || to=$image
  [ ! -d "$to" ] || continue
  rm -rf "$to.part"
  long 600 "making the frameworks' root file system of Debian's $release, once" made_of "$release" "$to.part" ||
    { tail -n 20 "$build/frameworks-$release.log" >&2; die "it could not be made, see .build/frameworks-$release.log"; }
  mv "$to.part" "$to"
done
echo "$image"

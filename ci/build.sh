#!/usr/bin/env bash
# Builds commands from the Go module that pins them and prints the folder they are in.
# Usage: build.sh MODULE [COMMAND...]    (all commands of the module when none is named)
#
# A command is named after its package, as `go build` does. modules/MODULE/flags.sh, where there is one, sets the
# linker flags, build tags and cgo for it; it sees $version, $major and $minor.
source "$(dirname "$0")/lib.sh"

module=${1:?usage: build.sh MODULE [COMMAND...]}
shift
folder=$root/ci/modules/$module
[ -f "$folder/go.mod" ] || die "there is no module $module in ci/modules"
made=$cache/tools/$module-$(key "$folder"/* "$0")

complete() {
  local command
  [ $# -gt 0 ] || set -- .complete
  for command in "$@"; do [ -e "$made/$command" ] || return 1; done
}

compile() {
  export GOWORK=off
  cd "$folder"
  local packages=() package command partial=$made/.partial version major minor
  while read -r package version; do
    command=$(sed -E 's,/v[0-9]+$,,; s,.*/,,' <<<"$package")
    [ $# -gt 0 ] && [[ " $* " != *" $command "* ]] && continue
    packages+=("$package")
  done < <(go list -f '{{.ImportPath}} {{.Module.Version}}' tool)
  [ ${#packages[@]} -gt 0 ] || die "modules/$module has no command $*"

  version=$(pinned "$module")
  IFS=. read -r major minor _ <<<"${version#v}"
  local ldflags='' tags='' cgo=0
  # shellcheck disable=SC1091  # not every module has one
  [ ! -f flags.sh ] || source ./flags.sh
  : "$major" "$minor"

  say "building $module $version${*:+: $*}"
  rm -rf "$partial"
  mkdir -p "$partial"
  CGO_ENABLED=$cgo go build -trimpath -tags "$tags" -ldflags "-s -w $ldflags" -o "$partial/" "${packages[@]}"
  mv "$partial"/* "$made/"
  rmdir "$partial"
  [ $# -gt 0 ] || touch "$made/.complete"
}

if ! complete "$@"; then
  mkdir -p "$made"
  (
    # Two builds of one thing would only be slower; the second finds the result of the first.
    flock 9
    complete "$@" || compile "$@"
  ) 9>"$made.lock"
fi
echo "$made"

#!/usr/bin/env bash
# Installs pre-commit, pinned by pre-commit/requirements.txt, into its own folder, and links it into .build/bin.
source "$(dirname "$0")/lib.sh"

requirements=$root/ci/pre-commit/requirements.txt
made=$cache/tools/pre-commit-$(key "$requirements" "$0")

if [ ! -x "$made/bin/pre-commit" ]; then
  python3 -c 'import ensurepip' 2>/dev/null || { as_root_on_debian && packages python3-venv; } ||
    die "pre-commit needs Python 3.10 or newer with venv"
  say "installing pre-commit"
  python3 -m venv "$made"
  "$made/bin/pip" install --quiet --no-deps --requirement "$requirements"
fi
ln -sfn "$made/bin/pre-commit" "$bin/pre-commit"

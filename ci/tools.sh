#!/usr/bin/env bash
# Builds the tools that the Makefile uses from Go modules, each pinned by modules/<module>/go.mod, and links them into
# .build/bin. Usage: tools.sh [TOOL...]    (all when none is named)
source "$(dirname "$0")/lib.sh"

[ $# -gt 0 ] || set -- kind helm helm4 kubectl ct golangci-lint kube-score promtool actionlint cosign

for tool in "$@"; do
  module=$tool command=$tool
  case $tool in
  helm4) command=helm ;;
  kubectl) module=kubernetes ;;
  promtool) module=prometheus ;;
  esac
  made=$(long 60 "the tool $tool" "$root/ci/build.sh" "$module" "$command")
  # Renamed into place, so that a test that runs at the same time never finds the link missing.
  ln -sfn "$made/$command" "$bin/.$tool.$$"
  mv -T "$bin/.$tool.$$" "$bin/$tool"
done

#!/usr/bin/env bash
# Builds the tools that the Makefile uses from Go modules, each pinned by modules/<tool>/go.mod, and links them into
# .build/bin. Usage: tools.sh TOOL...
source "$(dirname "$0")/lib.sh"

# Helm takes the Kubernetes version it renders for from its linker flags; see its Makefile.
flags() {
  case $1 in
  helm) echo "-X helm.sh/helm/v3/internal/version.version=v$2 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=37" ;;
  esac
}

for tool in "$@"; do
  module=$root/ci/modules/$tool
  [ -f "$module/go.mod" ] || die "there is no tool $tool in ci/modules"
  made=$cache/tools/$(key "$module/go.mod" "$module/go.sum" "$0")/$tool
  if [ ! -x "$made" ]; then
    say "building $tool"
    package=$(cd "$module" && go list -f '{{.ImportPath}}' tool)
    version=$(cd "$module" && go list -f '{{.Module.Version}}' tool)
    mkdir -p "$(dirname "$made")"
    (cd "$module" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w $(flags "$tool" "${version#v}")" -o "$made.$$" "$package")
    mv "$made.$$" "$made"
  fi
  ln -sfn "$made" "$build/bin/$tool"
done

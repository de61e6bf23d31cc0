# Helm takes its version from linker flags, and so the Kubernetes version that it renders for: that of its client
# library, see its Makefile.
# shellcheck shell=bash disable=SC2034,SC2154  # build.sh reads and sets these
ldflags="-X helm.sh/helm/v3/internal/version.version=$version"
kubernetes=$(go list -m -f '{{.Version}}' k8s.io/client-go | cut -d. -f2)
for package in pkg/chartutil pkg/lint/rules; do
  ldflags+=" -X helm.sh/helm/v3/$package.k8sVersionMajor=1 -X helm.sh/helm/v3/$package.k8sVersionMinor=$kubernetes"
done

# Without these kubeadm and kubectl take themselves for another version.
# shellcheck shell=bash disable=SC2034,SC2154  # build.sh reads and sets these
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  ldflags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
done

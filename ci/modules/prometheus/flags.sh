# Without the clients of clouds, by which it would find what to scrape there.
# shellcheck shell=bash disable=SC2034,SC2154  # build.sh reads and sets these
tags=remove_all_sd,enable_kubernetes_sd
ldflags="-X github.com/prometheus/common/version.Version=${version#v}"

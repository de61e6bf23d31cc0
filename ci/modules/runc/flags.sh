# Seccomp profiles need libseccomp, which is C.
# shellcheck shell=bash disable=SC2034,SC2154  # build.sh reads and sets these
cgo=1 tags=seccomp

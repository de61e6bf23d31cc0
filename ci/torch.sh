#!/usr/bin/env bash
# Sees to it that python3 has PyTorch, for the tests that train on this machine: on Debian as root, from Debian's packages.
source "$(dirname "$0")/lib.sh"

python3 -c 'import torch.distributed' 2>/dev/null && exit
as_root_on_debian || die "python3 has no PyTorch; install it"
packages python3-torch libopenblas0-serial
# The python3 that comes first may be another than Debian's, which has the packages.
ln -sf /usr/bin/python3 "$bin/python3"
"$bin/python3" -c "import torch.distributed"

#!/bin/sh
# In place of what kind runs with every container: it takes a bash, a jq and three mounts to have a pod find its node's
# name in /sys/class/dmi, where no test looks.

#!/usr/bin/env bash
# Runs every test in steps, and says what they are, which is running, and how long they take. Usage: test.sh MAKE
source "$(dirname "$0")/lib.sh"

# What is made, in words, and the seconds that it takes on two cores where everything is cached.
steps=(
  "480|the fast checks in full, beside making a cluster|-j 2 check cluster SHORT="
  "540|training, killed and resumed on file systems that fail|trainer"
  "150|the demo|demo"
  "1650|every test on the cluster|install"
)

total=0
for step in "${steps[@]}"; do
  IFS='|' read -r seconds words _ <<<"$step"
  total=$((total + $(lasted "$seconds" "$words")))
done
say "${#steps[@]} steps, about $(lasting "$total"); where nothing is cached, tools and images are made first, which takes half an hour more"
number=0
for step in "${steps[@]}"; do
  IFS='|' read -r seconds words targets <<<"$step"
  number=$((number + 1)) begun=$SECONDS
  say "step $number of ${#steps[@]}: $words, about $(lasting "$(lasted "$seconds" "$words")")"
  # shellcheck disable=SC2086  # several words
  "$1" --no-print-directory $targets
  took $((SECONDS - begun)) "$words"
  say "step $number of ${#steps[@]}: done in $(lasting $((SECONDS - begun)))"
done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# quickstart.sh SCRIPTS/LAUNCH QUICKSTART_RANKS: two processes train the quickstart's network; one of them says how it went.
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$("$1" --ranks 2 "$2" --epochs 1 --save "$folder/weights.pt") || exit 1
printf '%s\n' "$out"
accuracy=$(grep '^test accuracy: ' <<< "$out")
[[ $accuracy =~ ^"test accuracy: "0[.][0-9]{4}$ ]] || { echo "This was not said once."; exit 1; }
[[ ${accuracy#*.} > 8500 ]] || { echo "The processes have learnt too little."; exit 1; }
[ "$(tail -n 1 <<< "$out")" = "$accuracy" ] || { echo "Something was said after it."; exit 1; }
[ -s "$folder/weights.pt" ] || { echo "The weights were not saved."; exit 1; }

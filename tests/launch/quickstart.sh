#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# quickstart.sh SCRIPTS/LAUNCH QUICKSTART_RANKS: two ranks train the quickstart's network, and one of them prints the result.
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

# end SIGNAL WHOM CODE: sends the signal to the launcher (WHOM is all) or to one rank. The training must end with CODE and
# leave no process.
end() {
  "$launch" --ranks 2 "$quickstart" --epochs 1000 > "$folder/out" 2>&1 &
  local process=$! children=() ticks child code
  for ((ticks = 400; ticks > 0; --ticks)); do
    [ ! -s "$folder/out" ] || break
    sleep 0.05
  done
  sleep 0.5  # lets some steps run
  mapfile -t children < <(tr " " "\n" < "/proc/$process/task/$process/children" | grep .)
  [ ${#children[@]} = 2 ] || { echo "There are ${#children[@]} processes."; cat "$folder/out"; kill "$process"; exit 1; }
  if [ "$2" = all ]; then kill "-$1" "$process"; else kill "-$1" "${children[1]}"; fi
  wait "$process" 2> /dev/null
  code=$?
  [ $code = "$3" ] || { echo "A training that got SIG$1 ($2) ended with $code."; cat "$folder/out"; exit 1; }
  for child in "${children[@]}"; do
    ! kill -0 "$child" 2> /dev/null || { echo "SIG$1 ($2) left process $child."; exit 1; }
  done
}
launch=$1 quickstart=$2
end TERM all 143
end KILL one 137

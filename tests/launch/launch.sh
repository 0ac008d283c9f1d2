#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# launch.sh SCRIPTS/LAUNCH WHERE: tests how the processes of scripts/launch start and end. WHERE is the program of where.cpp.
set -uo pipefail
launch=$1 where=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT
# Otherwise a sanitizer would replace the signal that ends a process by a report and exit code 1.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0 TSAN_OPTIONS=${TSAN_OPTIONS:+$TSAN_OPTIONS:}handle_segv=0
failed=0

# Runs launch. Stores its exit code in `code`, its output in `out` and `err`, and its duration in seconds in `took`.
run() {
  local begin=$SECONDS
  what="launch $*"
  "$launch" "$@" > "$folder/out" 2> "$folder/err"
  code=$?
  took=$((SECONDS - begin)) out=$(sort "$folder/out") err=$(cat "$folder/err")
}
same() {
  [ "$2" = "$3" ] && return
  printf '%s: %s is\n%s\nand should be\n%s\n' "$what" "$1" "$2" "$3"
  failed=1
}
# Returns whether the process runs; a zombie does not.
lives() { [ -e "/proc/$1" ] && [[ $(sed 's/.*) //' "/proc/$1/stat" 2> /dev/null) != Z* ]]; }
# wait_until SECONDS COMMAND...
wait_until() {
  local ticks=$((20 * $1))
  shift
  for ((; ticks > 0; --ticks)); do
    ! "$@" || return 0
    sleep 0.05
  done
  return 1
}
all_said() { [ "$(wc -l < "$folder/out")" = "$1" ]; }
none_lives() {
  local process
  for process in "${children[@]}"; do ! lives "$process" || return 1; done
}
start() {
  what="launch $*"
  : > "$folder/out"
  set -m  # otherwise the started processes would ignore interrupts
  "$launch" "$@" > "$folder/out" 2> "$folder/err" &
  process=$!
  set +m
  wait_until 10 all_said "$2" || { echo "$what: did not start."; failed=1; }
  mapfile -t children < <(cat "/proc/$process/task/$process/children" | tr ' ' '\n' | grep .)
}
finish() {
  wait "$process" 2> /dev/null
  code=$?
  wait_until 5 none_lives || { echo "$what: a process is left."; failed=1; kill -KILL "${children[@]}"; }
}

run --ranks 3 --port 7077 "$where"
same "the exit code" $code 0
same "the output" "$out" "torchrun 0/3 0/3 127.0.0.1 7077
torchrun 1/3 1/3 127.0.0.1 7077
torchrun 2/3 2/3 127.0.0.1 7077"
same "the error output" "$err" ""

# Without --port, the ranks share a free port. Variables of an outer torchrun are unset. Arguments are passed unchanged.
export TORCHELASTIC_USE_AGENT_STORE=True
run --ranks 2 "$where"
same "the number of ports" "$(sed 's/.* //' <<< "$out" | sort -u | wc -l)" 1
same "a port" "$(sed 's/.* //; s/^[0-9]\{5\}$/number/' <<< "$out" | sort -u)" number
run --ranks=1 -- printf '[%s]' 'a b' '$x' ''
same "the output" "$out" '[a b][$x][]'
OMP_NUM_THREADS=3 run --ranks 2 bash -c 'echo $OMP_NUM_THREADS; cat'
same "the threads" "$out" "3
3"
OMP_NUM_THREADS='' run --ranks 100 --port 7077 bash -c '[ $RANK -lt 99 ] || echo $OMP_NUM_THREADS'
same "the threads" "$out" 1

# The first rank that fails determines the exit code and is reported. The other ranks are ended, even if they ignore SIGTERM.
run --ranks 3 "$where" exit 1 7
same "the exit code" $code 7
same "the error output" "$err" "launch: rank 1 ended with exit code 7."
run --ranks 3 "$where" kill 2 11
same "the exit code" $code 139
same "the error output" "$err" "launch: rank 2 was ended by signal SEGV."
run --ranks 2 --grace 1 bash -c 'trap "" TERM; [ $RANK = 0 ] && sleep 0.2 && exit 200; sleep 50; sleep 50'
same "the exit code" $code 200
same "the error output" "$err" "launch: rank 0 ended with exit code 200."
[ $took -lt 5 ] || { echo "$what: took $took s."; failed=1; }
run --ranks 3 bash -c 'exit $((RANK == 1 ? 5 : 0))'
same "the exit code" $code 5

# Signals are passed on, and a rank may handle them.
start --ranks 2 "$where" wait
kill -TERM $process
finish
same "the exit code" $code 143
start --ranks 2 "$where" wait
kill -INT $process
finish
same "the exit code" $code 130
start --ranks 2 bash -c 'trap "kill \$!; exit 0" INT; sleep 50 & echo ready; wait'
kill -INT $process
finish
same "the exit code" $code 0
same "the error output" "$(cat "$folder/err")" ""

# If the script is killed, its ranks are killed, too.
if setpriv --pdeathsig KILL true 2> /dev/null; then
  start --ranks 2 "$where" stubborn
  kill -KILL $process
  finish
  same "the exit code" $code 137
fi

for refused in "--ranks 0 $where" "--ranks -1 $where" "--ranks two $where" "--ranks 2 --port 0 $where" "--ranks" "$where" \
  "--ranks 2" "--rank 2 $where" "--ranks 2 $folder/nothing"; do
  # shellcheck disable=SC2086
  run $refused
  same "the exit code" $code 2
  same "the lines of the error output" "$(wc -l <<< "$err")" 1
  same "the beginning of the error output" "${err%%: *}" launch
done
run --help
same "the exit code" $code 0
grep -q -- '--ranks N' <<< "$out" || { echo "$what: says nothing of --ranks."; failed=1; }
exit $failed

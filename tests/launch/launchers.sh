#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# launchers.sh WHERE: tests that the program of where.cpp detects the available launchers. Exit code 77 if there is none.
set -uo pipefail
where=$1
failed=0 num_tried=0

# check NAME STORE COMMAND...: COMMAND starts two processes with the launcher NAME; both must print the same address and port.
check() {
  local name=$1 store=$2 out
  shift 2
  num_tried=$((num_tried + 1))
  out=$("$@" "$where" 2> /dev/null | grep '^[a-z]* [0-9]*/' | sort)
  if ! grep -Pzq "^$name 0/2 0/2 (\S+ \d+)$store\n$name 1/2 1/2 \1$store\n\$" <<< "$out"; then
    printf '%s gave\n%s\n' "$*" "$out"
    failed=1
  fi
}

for mpirun in mpirun.openmpi mpirun.mpich mpirun; do
  command -v $mpirun > /dev/null || continue
  case $($mpirun --version 2>&1) in
    *"Open MPI"* | *OpenRTE*) check openmpi "" $mpirun --allow-run-as-root --oversubscribe -n 2 ;;
    *HYDRA*) check mpich "" $mpirun -n 2 ;;
  esac
done
torchrun=$(dirname "${HONE_PYTHON:-/nowhere/python}")/torchrun
if [ -x "$torchrun" ] && "$torchrun" --help > /dev/null 2>&1; then
  check torchrun " store" "$torchrun" --no-python --standalone --nproc-per-node 2
fi
[ $num_tried -gt 0 ] || exit 77
exit $failed

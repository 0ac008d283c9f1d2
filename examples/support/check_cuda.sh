#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_cuda.sh PROGRAM: trains where there is a GPU; elsewhere it says in one sentence that there is none, and exits with 2.
# 77 where CUDA's other libraries are missing.
set -uo pipefail
if ldd "$1" | grep 'not found'; then exit 77; fi
output=$("$1" --epochs 1 2>&1)
code=$?
echo "$output"
case $code in
  0) grep -q '^test accuracy: 0\.[0-9]' <<< "$output" ;;
  2) [ "$(grep -c . <<< "$output")" = 1 ] && grep -q "^error: The trainer's device is cuda, and LibTorch finds no such device" <<< "$output" ;;
  *) exit 1 ;;
esac

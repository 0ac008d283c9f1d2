#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh FILE COMPILER FLAGS...: FILE must not compile, its only error being the sentence in its first line
# (`// expect: SENTENCE`). That it compiles with -DFIXED is tested for all files at once.
set -uo pipefail
file=$1
shift
export LC_ALL=C
sentence=$(sed -n '1s|^// expect: ||p' "$file")
if [ -z "$sentence" ]; then
  echo "$file: the first line is not '// expect: SENTENCE'."
  exit 1
fi

if output=$("$@" -fsyntax-only -fdiagnostics-color=never "$file" 2>&1); then
  echo "$file compiles, and should not. Expected: $sentence"
  exit 1
fi
errors=$(grep -E '(^|[: ])(fatal )?error: ' <<< "$output")
if [ "$(grep -c . <<< "$errors")" != 1 ] || ! grep -qF -- "$sentence" <<< "$errors"; then
  printf '%s\nExpected as the only error: %s\nErrors found:\n%s\nAll of it:\n%s\n' "$file" "$sentence" "$errors" "$output"
  exit 1
fi

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh CMAKE BUILD FOLDER BUILD_IT OPTIONS...: installs hone from BUILD into FOLDER and builds a project that uses it.
set -euo pipefail
cmake=$1 build=$2 folder=$3 build_it=$4
shift 4
rm -rf "$folder"
"$cmake" --install "$build" --prefix "$folder/prefix" > /dev/null
"$cmake" -S "$(dirname "$0")/user" -B "$folder/build" -Dhone_ROOT="$folder/prefix" "$@"
if [ "$build_it" = ON ]; then
  "$cmake" --build "$folder/build"
  "$folder/build/user"
  if [ -e "$folder/build/precompiled" ]; then "$folder/build/precompiled"; fi
fi

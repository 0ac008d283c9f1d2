#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# includes.sh CMAKE BUILD FOLDER LIBTORCH OPTIONS...: installs hone from BUILD into FOLDER and compiles `includes` with it, with
# LibTorch in CMAKE_PREFIX_PATH and from find_package(Torch).
set -euo pipefail
cmake=$1 build=$2 folder=$3 libtorch=$4
shift 4
rm -rf "$folder"
"$cmake" --install "$build" --prefix "$folder/prefix" > /dev/null
# Act like default folders of the compiler.
CPLUS_INCLUDE_PATH=$(cd "$(dirname "$0")/includes/system" && pwd)
export CPLUS_INCLUDE_PATH
for with_torch in OFF ON; do
  env -u LibTorch_ROOT -u Torch_DIR "$cmake" -S "$(dirname "$0")/includes" -B "$folder/$with_torch" -Dhone_ROOT="$folder/prefix" \
    -DCMAKE_PREFIX_PATH="$libtorch" -DWITH_TORCH=$with_torch "$@"
  "$cmake" --build "$folder/$with_torch"
done

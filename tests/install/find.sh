#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# find.sh CMAKE BUILD FOLDER VERSION LIBTORCH MPI OPTIONS...: installs hone from BUILD into FOLDER and calls find_package with and
# without its dependencies. VERSION is hone's version. MPI is 1 if MPI was found.
set -euo pipefail
cmake=$1 build=$2 folder=$3 version=$4 libtorch=$5 mpi=$6
shift 6
rm -rf "$folder"
"$cmake" --install "$build" --prefix "$folder/prefix" > /dev/null
options=("$@")

# ask EXPECTED_CODE ARGUMENTS_OF_FIND_PACKAGE OPTIONS...: stores the output in $output.
ask() {
  local code=0 expected=$1 arguments=$2
  shift 2
  rm -rf "$folder/build"
  output=$(env -u LibTorch_ROOT -u Torch_DIR "$cmake" -S "$(dirname "$0")/find" -B "$folder/build" -Dhone_ROOT="$folder/prefix" \
    -DASK="$arguments" "${options[@]}" "$@" 2>&1) || code=$?
  # CMake wraps long lines.
  output=$(tr '\n' ' ' <<< "$output" | tr -s ' ')
  if [ "$code" -ne "$expected" ]; then
    echo "find_package(hone $arguments) with $*: exit code $code, not $expected: $output"
    exit 1
  fi
}
has() {
  if [[ $output != *"$1"* ]]; then
    echo "This is not in the output: $1. The output: $output"
    exit 1
  fi
}

found=-DLibTorch_ROOT=$libtorch
ask 0 "QUIET" "$found"
has "found: 1, core: TRUE, hone: TRUE"

# A missing dependency is not an error, and the reason is printed.
ask 0 "QUIET" -DLibTorch_ROOT=/nonexistent
has "found: 0"
has "because: hone: LibTorch_ROOT is /nonexistent, which holds no LibTorch"
ask 0 "" -DLibTorch_ROOT=/nonexistent # without QUIET: a warning, not an error
has "holds no LibTorch"
ask 0 "QUIET" "$found" -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON
has "found: 0"
has "because: hone: zlib was not found."
ask 0 "QUIET" "$found" -DCMAKE_DISABLE_FIND_PACKAGE_range-v3=ON
has "because: hone: range-v3 was not found."
ask 0 "QUIET" "$found" -DCMAKE_IGNORE_PATH=/usr/include
has "found: 0, core: ,"
has "because: hone: the header boost/hana.hpp was not found."
ask 1 "REQUIRED" -DLibTorch_ROOT=/nonexistent
has "holds no LibTorch"

# Components.
ask 0 "QUIET COMPONENTS core" -DLibTorch_ROOT=/nonexistent
has "found: 1, core: TRUE, hone: ,"
ask 0 "REQUIRED COMPONENTS core OPTIONAL_COMPONENTS hone mpi" -DLibTorch_ROOT=/nonexistent
has "found: 1, core: TRUE, hone: , mpi: "
ask 0 "QUIET COMPONENTS core cuda" -DLibTorch_ROOT=/nonexistent
has "because: hone: there is no component cuda. The components are core, hone and mpi."
ask 0 "QUIET COMPONENTS mpi" "$found" -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON
has "found: 0, core: TRUE, hone: TRUE, mpi: "
has "because: hone: the component mpi needs MPI"
if [ "$mpi" = 1 ]; then
  ask 0 "REQUIRED COMPONENTS mpi" "$found"
  has "mpi: TRUE"
fi

# Versions: the same minor version, not older.
ask 0 "${version%.*} QUIET COMPONENTS core"
has "found: 1"
ask 0 "$version EXACT QUIET COMPONENTS core"
has "found: 1"
ask 0 "99 QUIET COMPONENTS core"
has "found: 0"

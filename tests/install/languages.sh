#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# languages.sh CMAKE BUILD FOLDER OPTIONS...: installs hone from BUILD into FOLDER, builds the programs in `languages` with it, and
# runs them in the build folder and after their installation.
set -euo pipefail
cmake=$1 build=$2 folder=$3
shift 3
rm -rf "$folder"
"$cmake" --install "$build" --prefix "$folder/prefix" > /dev/null
"$cmake" -S "$(dirname "$0")/languages" -B "$folder/build" -Dhone_ROOT="$folder/prefix" "$@"
"$cmake" --build "$folder/build"
"$cmake" --install "$folder/build" --prefix "$folder/installed"
for program in mixed fortran openmp mpi; do
  for place in "$folder/build" "$folder/installed/bin"; do
    [ ! -x "$place/$program" ] || { echo "$place/$program"; "$place/$program"; }
  done
done
# MPICH, if it is installed in addition to the default MPI.
if [ -x "$folder/build/mpi" ] && command -v mpicc.mpich > /dev/null; then
  "$cmake" -S "$(dirname "$0")/languages" -B "$folder/mpich" -Dhone_ROOT="$folder/prefix" "$@" \
    -DMPI_C_COMPILER=mpicc.mpich -DMPI_CXX_COMPILER=mpicxx.mpich > /dev/null
  "$cmake" --build "$folder/mpich" --target mpi
fi

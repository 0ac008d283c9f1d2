#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that the table of near misses is up to date with the hooks and overrides. Run: tests/architecture/near_misses.sh
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
table=include/hone/core/near_misses.hpp
if ! diff <("$root/scripts/generate_near_misses") "$root/$table"; then
  echo "$table is not what the hooks and overrides make it. Run: scripts/generate_near_misses > $table"
  exit 1
fi

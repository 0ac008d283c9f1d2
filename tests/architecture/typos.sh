#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that the table of near misses is up to date with the hooks and overrides. Run: tests/architecture/typos.sh
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
table=include/hone/core/typos.hpp
if ! diff <("$root/scripts/generate_typos") "$root/$table"; then
  echo "$table is not what the hooks and overrides make it. Run: scripts/generate_typos > $table"
  exit 1
fi

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that all C++ files are formatted with .clang-format. Run: tests/architecture/format.sh clang-format-19
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
find include src tests examples benchmarks -regex '.*[.][hic]pp' ! -name typos.hpp -print0 |
  xargs -0 -P 2 -n 50 "$1" --dry-run --Werror ||
  { echo "Run: $1 -i FILE..."; exit 1; }

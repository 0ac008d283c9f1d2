// SPDX-License-Identifier: Apache-2.0
/// Counts the heap allocations of the process, including allocations of its shared libraries.
#pragma once

#include <cstdint>

/// Returns the number of calls of malloc, calloc, realloc, posix_memalign, aligned_alloc and memalign so far.
std::int64_t allocations();

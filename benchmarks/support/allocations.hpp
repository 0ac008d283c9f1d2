// SPDX-License-Identifier: Apache-2.0
/// Counts what is asked of the heap, by everything that is loaded into this process.
#pragma once

#include <cstdint>

/// Calls of malloc, calloc, realloc, posix_memalign, aligned_alloc and memalign so far.
std::int64_t allocations();

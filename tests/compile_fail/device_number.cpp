// expect: hone: a device index must be from 0 to 127.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A device number above 127. A number that is known at run time only is `hone::dynamic`.
#include "hone/devices/cuda.hpp"

#ifdef FIXED
constexpr std::int64_t number = 1;
#else
constexpr std::int64_t number = 128;
#endif
static_assert(sizeof(hone::Cuda<number>) > 0);

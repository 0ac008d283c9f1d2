// expect: hone: a device's number is from 0 to 127.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Where the number is known at run time only it is `hone::dynamic`.
#include "hone/devices/cuda.hpp"

#ifdef FIXED
constexpr std::int64_t number = 1;
#else
constexpr std::int64_t number = 128;
#endif
static_assert(sizeof(hone::Cuda<number>) > 0);

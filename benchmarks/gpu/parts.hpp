// SPDX-License-Identifier: Apache-2.0
/// The parts of a trainer that depend on what this program was built with.
#pragma once

#include "hone/hone.hpp"

namespace parts {

#ifdef HONE_WITH_CUDA
using Device = hone::Cuda<>;
#else
using Device = hone::Cpu;
#endif

#if __has_include("hone/precision/mixed.hpp")
using Bf16 = hone::Bf16;
#else
using Bf16 = hone::Fp32;
#endif

}  // namespace parts

// SPDX-License-Identifier: Apache-2.0
/// LibTorch has a copy of each of these headers.
#include <dnnl_version.h>
#include <pybind11/pybind11.h>
#include <torch/version.h>
#if !defined(SYSTEM_DNNL) || !defined(SYSTEM_PYBIND11)
#error "LibTorch's copies hide the system's headers"
#endif
#ifdef SYSTEM_FMT
#include <fmt/core.h>
#if FMT_VERSION != SYSTEM_FMT
#error "LibTorch's {fmt} hides the system's"
#endif
#endif

int main() { return 0; }

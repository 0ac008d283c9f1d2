// SPDX-License-Identifier: Apache-2.0
/// When steps are recorded, and what is said when they are not.
#pragma once

#include <cstdio>

namespace hone {

struct StepCaptureOptions {
  int warm_up = 3;          ///< Steps of a kind that run as they are written before one is recorded.
  int max_recordings = 32;  ///< From then on steps run as they are written.
  int patience = 64;        ///< After so many steps that could not be recorded, and were to be, it says why.
  std::FILE* log = stderr;  ///< Where it says so, once; null for nowhere.
};

}  // namespace hone

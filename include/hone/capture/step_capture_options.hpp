// SPDX-License-Identifier: Apache-2.0
/// The options of `StepCapture`.
#pragma once

#include <cstdio>

namespace hone {

/// Options of `StepCapture`.
struct StepCaptureOptions {
  int warm_up = 3;          ///< Eager steps of one window position and shape before a capture.
  int max_graphs = 32;      ///< If more captures are needed, all steps run eagerly.
  int patience = 64;        ///< Warm-up steps without a capture after which the reason is logged.
  std::FILE* log = stderr;  ///< The stream for these messages; null for none.
};

}  // namespace hone

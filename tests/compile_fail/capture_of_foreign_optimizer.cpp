// expect: hone: StepCapture cannot capture more than one optimizer, or an optimizer whose step computes on the CPU. Use a rule of hone, such as hone::AdamW, or a hone::FusedOptimizer of such a rule.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An optimizer that computes on the host, whose results a replay would not update.
#include "hone/capture/step_capture.hpp"
#include "hone/core/compatibility.hpp"
#include "hone/optim/sgd.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Recorder {
  using Recording = int;
};
struct Gpu {
  using slot = hone::slots::Device;
  static c10::Device device() { return c10::Device{c10::kCUDA}; }
  static void move(auto& batch) { static_cast<void>(batch); }
};
struct Foreign {
  void step() {}
  void zero_grad() {}
};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::StepCapture<Recorder>, Gpu>);
#else
static_assert(hone::checked_compatibility<Model, Loss, Foreign, hone::StepCapture<Recorder>, Gpu>);
#endif

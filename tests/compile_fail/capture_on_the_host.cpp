// expect: hone: StepCapture captures CUDA kernels, but this trainer computes on the CPU. Add hone::Cuda<>, or remove StepCapture.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// StepCapture with a trainer on the CPU.
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

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::StepCapture<Recorder>, Gpu>);
#else
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::StepCapture<Recorder> >);
#endif

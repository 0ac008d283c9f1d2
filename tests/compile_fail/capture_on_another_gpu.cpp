// expect: hone: StepCapture captures CUDA graphs, but this trainer's device is not a CUDA GPU. Use hone::Cuda<>, or remove StepCapture.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Only CUDA has graphs.
#include "hone/capture/step_capture.hpp"
#include "hone/core/compatibility.hpp"
#include "hone/devices/mps.hpp"
#include "hone/optim/sgd.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Recorder {
  using Recording = int;
#ifdef FIXED
  static constexpr c10::DeviceType device_type = c10::kMPS;
#else
  static constexpr c10::DeviceType device_type = c10::kCUDA;
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::StepCapture<Recorder>, hone::Mps<>>);

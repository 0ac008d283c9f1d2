// expect: hone: StepCapture can capture only the NCCL collectives of Ddp<hone::Nccl>, but this trainer has another distribution policy. Remove one of the two.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// StepCapture with communication that the host performs.
#include "hone/capture/step_capture.hpp"
#include "hone/core/compatibility.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
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
static_assert(
    hone::checked_compatibility<Model, Loss, hone::Sgd, hone::StepCapture<Recorder>, Gpu, hone::Ddp<hone::Gloo> >);
#endif

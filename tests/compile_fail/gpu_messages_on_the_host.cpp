// expect: hone: this communicator needs GPUs, and the trainer's device is Cpu. Add a device policy such as hone::Cuda, or use Ddp<hone::Gloo> or Ddp<hone::Mpi>.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A GPU communicator in a trainer on the CPU.
#include "hone/core/compatibility.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/optim/sgd.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct BetweenGpus {
  static constexpr at::DeviceType device_type = at::kCUDA;
  hone::ProcessGroup group;
  operator const hone::ProcessGroup&() const { return group; }
};
struct Gpu {
  using slot = hone::slots::Device;
  static c10::Device device() { return c10::Device{c10::kCUDA}; }
  static void move(auto& batch) { static_cast<void>(batch); }
};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::Ddp<BetweenGpus>, Gpu>);
#else
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::Ddp<BetweenGpus> >);
#endif

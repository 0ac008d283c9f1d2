// SPDX-License-Identifier: Apache-2.0
#include "hone/devices/accelerator.hpp"

#include <c10/core/impl/FakeGuardImpl.h>
#include <torch/torch.h>

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

#include "hone/devices/cuda.hpp"
#include "hone/devices/mps.hpp"
#include "hone/devices/xpu.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using hone::detail::require_device;
using torch::Tensor;

/// Sets an environment variable, or unsets it if `value` is null, during its lifetime.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* const text = std::getenv(name)) before_ = text;
    set(value);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { set(before_ ? before_->c_str() : nullptr); }

 private:
  void set(const char* value) const {
    if (value != nullptr) {
      ::setenv(name_, value, 1);
    } else {
      ::unsetenv(name_);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

/// A fake device type with `count` devices.
template <c10::DeviceType type>
struct Kind : c10::impl::NoOpDeviceGuardImpl<type> {
  int count = 0, current = 0;
  [[nodiscard]] c10::Device getDevice() const override {
    TORCH_CHECK(count > 0, "CUDA error: no CUDA-capable device is detected\nCUDA kernel errors might come later");
    return {type, static_cast<c10::DeviceIndex>(current)};
  }
  [[nodiscard]] c10::DeviceIndex deviceCount() const noexcept override { return static_cast<c10::DeviceIndex>(count); }
};
using Cudas = Kind<c10::kCUDA>;

static_assert(!hone::RestrictsDtypes<hone::Cuda<>> && hone::RestrictsDtypes<hone::Mps<>>);
static_assert(!std::is_default_constructible_v<hone::Cuda<hone::dynamic>>);

TEST_CASE("require_device throws with a remedy if the libraries, the driver or the device are missing") {
  const Variable visible("CUDA_VISIBLE_DEVICES", nullptr);
  Cudas kind;
  const auto said = [&](std::int64_t index, const hone::detail::DeviceKind* of) {
    return tiny::message_of<std::exception>([&] { require_device(c10::kCUDA, index, of); });
  };
  CHECK(
      said(0, nullptr) ==
      "The trainer's device is cuda, and this program was linked without CUDA. Configure with -DHONE_WITH_CUDA=ON, or "
      "link LibTorch's CUDA libraries with -Wl,--no-as-needed.");
  CHECK(said(0, &kind) ==
        "The trainer's device is cuda, and LibTorch finds no such device (CUDA error: no CUDA-capable device is "
        "detected). Check the driver with nvidia-smi, or use the device Cpu.");
  {
    const Variable none("CUDA_VISIBLE_DEVICES", "7");
    CHECK(said(0, &kind) ==
          "The trainer's device is cuda, and LibTorch finds no such device (CUDA error: no CUDA-capable device is "
          "detected). CUDA_VISIBLE_DEVICES is `7`: list a device there, or unset it.");
  }
  kind.count = 2;
  CHECK(said(0, &kind).empty());
  CHECK(said(1, &kind).empty());
  CHECK(said(2, &kind) ==
        "The trainer's device is cuda 2, and there are 2 on this machine. Use an index from 0 to 1, and start at most "
        "one process per device on each machine.");
  CHECK_THROWS_AS(require_device(c10::kCUDA, -1, &kind), std::invalid_argument);
  CHECK_THROWS_WITH(require_device(c10::kXPU, 0, nullptr),
                    "The trainer's device is xpu, and this program's LibTorch does not support it. Link a LibTorch "
                    "that was built for it, or use the device Cpu.");
}

TEST_CASE("index_for_process returns the local rank if a launcher sets it, else the current device") {
  const Variable visible("CUDA_VISIBLE_DEVICES", nullptr), torchrun("LOCAL_RANK", nullptr),
      mpi("OMPI_COMM_WORLD_LOCAL_RANK", nullptr), mpich("MPI_LOCALRANKID", nullptr), step("SLURM_STEP_ID", nullptr),
      slurm("SLURM_LOCALID", nullptr);
  Cudas kind;
  const auto index = [&] { return hone::detail::index_for_process(c10::kCUDA, &kind); };
  CHECK(index() == 0);
  kind.count = 4;
  kind.current = 2;
  CHECK(index() == 2);
  const Variable local("SLURM_LOCALID", "3");
  CHECK(index() == 2);  // a batch script is not started by `srun`
  {
    const Variable lockstep("SLURM_STEP_ID", "0");
    CHECK(index() == 3);
    const Variable rank("LOCAL_RANK", "1");
    CHECK(index() == 1);
    kind.count = 1;
    const Variable one("CUDA_VISIBLE_DEVICES", "GPU-5f");
    CHECK(index() == 0);
  }
  const Variable wrong("LOCAL_RANK", "first");
  CHECK_THROWS_WITH(index(), "LOCAL_RANK is `first`. Set it to the local rank of this process, a number from 0.");
}

TEST_CASE("the index of a device is a template argument or a run-time value") {
  CHECK(hone::Cuda<1>{}.device() == c10::Device(c10::kCUDA, 1));
  CHECK(hone::Cuda<hone::dynamic>{3}.device() == c10::Device(c10::kCUDA, 3));
  CHECK(hone::Mps<0>{}.device().str() == "mps:0");
  CHECK(hone::Mps<>::holds(c10::kBFloat16));
  CHECK_FALSE(hone::Mps<>::holds(c10::kDouble));
}

TEST_CASE("the constructor of a trainer throws DeviceError without CUDA and does not move the model") {
  struct Untouched : torch::nn::LinearImpl {
    using LinearImpl::LinearImpl;
    void to(c10::Device device, bool /*non_blocking*/ = false) override { FAIL("moved to " << device); }
  };
  const auto model = std::make_shared<Untouched>(3, 2);
  if (c10::impl::hasDeviceGuardImpl(c10::kCUDA)) {
    WARN("skipped: this program's LibTorch has CUDA");
    return;
  }
  CHECK_THROWS_AS((hone::Trainer{model, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::Cuda<>{}}),
                  hone::DeviceError);
}

TEST_CASE("brought_to copies a tensor to the device and returns one that is there already") {
  const c10::Device meta(c10::kMeta);
  const auto here = torch::ones({2}), there = torch::ones({2}, torch::kMeta);
  CHECK(hone::detail::brought_to(meta, here).device() == meta);
  CHECK(hone::detail::brought_to(meta, there).is_same(there));
  CHECK_FALSE(hone::detail::brought_to(meta, Tensor()).defined());
  int number = 3;
  CHECK(&hone::Cuda<0>{}.move(number) == &number);
}

TEST_CASE("device_scope makes the device the thread's current one during its lifetime") {
  using Fake = c10::impl::FakeGuardImpl<c10::kXPU>;
  if (c10::impl::hasDeviceGuardImpl(c10::kXPU)) {
    WARN("skipped: this program's LibTorch has XPU");
    return;
  }
  static const Fake fake;
  c10::impl::registerDeviceGuard(c10::kXPU, &fake);
  Fake::setDeviceIndex(1);
  {
    const auto scope = hone::device_scope(hone::Xpu<3>{});
    CHECK(Fake::getDeviceIndex() == 3);
  }
  CHECK(Fake::getDeviceIndex() == 1);
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
#include "hone/step/loss_tracker.hpp"

#include <torch/torch.h>

#include <cmath>

#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

/// A device whose memory the host cannot access.
struct Far {
  using slot = hone::slots::Device;
  static c10::Device device() { return torch::kCPU; }
  template <class Batch>
  static Batch& move(Batch& batch) {
    return batch;
  }
};
static_assert(hone::DevicePolicy<Far> && !hone::HostAccessible<Far>);

/// Two ranks; the other rank has 10 samples with a mean loss of 4.
struct Two {
  using slot = hone::slots::Distribution;
  static int rank() { return 0; }
  static int world_size() { return 2; }
  static void all_reduce_sum(torch::Tensor values) { values += torch::tensor({40.0, 10.0}, torch::kDouble); }
};
static_assert(hone::SumsAcrossRanks<Two>);

template <class Device>
void check_tracker() {
  hone::LossTracker<Device> tracker;
  hone::SingleProcess alone;
  Two two;
  CHECK(std::isnan(tracker.mean(alone)));
  tracker.add(torch::tensor(3.0F, torch::requires_grad()), 8);
  tracker.add(torch::tensor({6.0}, torch::kDouble), 4);
  CHECK(tracker.mean(alone) == 4.0);
  CHECK(tracker.mean(alone) == 4.0);  // mean() does not change the state
  tracker.add(torch::tensor(1.0F).to(torch::kBFloat16), 4);
  CHECK(tracker.mean(alone) == 52.0 / 16.0);
  CHECK(tracker.mean(two) == 92.0 / 26.0);
  const auto several = [&] { tracker.add(torch::zeros({3}), 4); };
  CHECK(tiny::contains(tiny::message_of<hone::DataError>(several), "3 elements"));
  CHECK(tracker.mean(alone) == 52.0 / 16.0);
  tracker.reset();
  CHECK(std::isnan(tracker.mean(alone)));
  tracker.add(torch::tensor(2.0F), 1);
  CHECK(tracker.mean(alone) == 2.0);
}

TEST_CASE("the mean is weighted by samples, on a device with host-accessible memory") { check_tracker<hone::Cpu>(); }
TEST_CASE("the mean is weighted by samples, on a device without host-accessible memory") { check_tracker<Far>(); }

template <class Device>
void check_negated() {
  hone::LossTracker<Device> tracker;
  hone::SingleProcess alone;
  const auto z = torch::complex(torch::tensor(0.0F), torch::tensor(-3.0F));
  const auto loss = torch::imag(z.conj());  // 3, stored as -3
  REQUIRE(loss.is_neg());
  tracker.add(loss, 1);
  tracker.add(at::_neg_view(torch::tensor(-5.0, torch::kDouble)), 1);
  CHECK(tracker.mean(alone) == 4.0);
}

TEST_CASE("a loss with the negative bit has the correct sign") {
  check_negated<hone::Cpu>();
  check_negated<Far>();
}

TEST_CASE("a rank without samples does not change the mean over all ranks") {
  hone::LossTracker<Far> tracker;
  Two two;
  CHECK(tracker.mean(two) == 4.0);
}

TEST_CASE("losses are summed in double precision") {
  hone::LossTracker<hone::Cpu> near;
  hone::LossTracker<Far> far;
  hone::SingleProcess alone;
  near.add(torch::tensor(1e8F), 1);
  far.add(torch::tensor(1e8F), 1);
  for (int i = 0; i < 1000; ++i) {
    near.add(torch::tensor(1.0F), 1);
    far.add(torch::tensor(1.0F), 1);
  }
  CHECK(near.mean(alone) == (1e8 + 1000) / 1001);
  CHECK(far.mean(alone) == Approx((1e8 + 1000) / 1001).epsilon(1e-15));
}

template <class Device>
void check_merge() {
  hone::LossTracker<Device> one, two, whole;
  hone::SingleProcess alone;
  for (int i = 0; i < 5; ++i) {
    const auto loss = torch::tensor(0.5F * static_cast<float>(i));
    (i < 2 ? one : two).add(loss, i + 1);
    whole.add(loss, i + 1);
  }
  one.merge(two);
  CHECK(one.mean(alone) == whole.mean(alone));
  one.add(torch::tensor(3.0F), 1);
  whole.add(torch::tensor(3.0F), 1);
  CHECK(one.mean(alone) == whole.mean(alone));
}

TEST_CASE("a merged tracker has the mean over the losses of both trackers") {
  check_merge<hone::Cpu>();
  check_merge<Far>();
}

}  // namespace

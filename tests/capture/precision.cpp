// SPDX-License-Identifier: Apache-2.0
/// Tests of precisions in recorded steps on the CPU. tests/cuda/precision.cpp has the tests on a GPU.
#include <torch/torch.h>

#include <utility>

#include "hone/capture/step_capture.hpp"
#include "hone/optim/adam.hpp"
#include "hone/precision/mixed.hpp"
#include "hone/precision/pure.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/op_recorder.hpp"
#include "support/other_device.hpp"

namespace {

using Capture = hone::StepCapture<hone::testing::OpRecorder>;

template <class Precision>
void require_equal_runs(const Precision& precision) {
  tiny::Net written, recorded;
  const auto trainer_of = [&](const tiny::Net& net, auto... more) {
    return hone::Trainer{net,       torch::nn::CrossEntropyLoss(),   hone::AdamW{.lr = 0.05}, OtherDevice{},
                         precision, hone::ClipNorm{.max_norm = 0.5}, std::move(more)...};
  };
  auto eager = trainer_of(written);
  auto captured = trainer_of(recorded, Capture(hone::StepCaptureOptions{.log = nullptr}));
  const auto batches = tiny::batches(60);
  eager.train(batches);
  captured.train(batches);
  // A learning rate is a float on the device and a double on the host, which may change the rounding of 16-bit weights.
  const double tolerance = hone::KeepsMasterWeights<Precision> ? 5e-3 : 2e-6;
  INFO(captured.execution().counts().reason);
  CHECK(captured.execution().counts().recordings == 1);
  CHECK(captured.execution().counts().replayed > 50);
  CHECK(tiny::distance(tiny::weights(written), tiny::weights(recorded)) < tolerance);
  CHECK(captured.optimizer().num_updates() == 60);
  if constexpr (hone::ScalesLoss<Precision>) {
    CHECK(captured.precision().skipped() == eager.precision().skipped());
    CHECK(captured.precision().scale() == eager.precision().scale());
    CHECK(captured.precision().skipped() > 6);  // replayed steps included
  }
  if constexpr (hone::KeepsMasterWeights<Precision>) {
    CHECK(tiny::distance(captured.optimizer().master_weights().vec(), eager.optimizer().master_weights().vec()) < 2e-6);
  }
}

// The initial scale is so high that all updates before the recording are skipped, and it overflows again later.
const hone::LossScaling scaling{.init_scale = 1e11, .growth_interval = 5};

TEST_CASE("a recorded step with Fp16 equals an eager step, skipped updates included") {
  require_equal_runs(hone::Fp16(scaling));
}

TEST_CASE("a recorded step with Bf16 equals an eager step") { require_equal_runs(hone::Bf16{}); }

TEST_CASE("a recorded step with PureBf16 or PureFp16 equals an eager step") {
  require_equal_runs(hone::PureBf16{});
  require_equal_runs(hone::PureFp16(scaling));
}

}  // namespace

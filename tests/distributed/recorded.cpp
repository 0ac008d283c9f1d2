// SPDX-License-Identifier: Apache-2.0
// Tests of captured steps with several ranks, with Gloo in place of NCCL, and operators recorded on the CPU in place of
// CUDA graphs.
#include <torch/torch.h>

#include "hone/callbacks/stop_on_signal.hpp"
#include "hone/capture/step_capture.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/optim/adam.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/op_recorder.hpp"
#include "support/other_device.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using Capture = hone::StepCapture<hone::testing::OpRecorder>;

struct Recordable {
  static constexpr bool supports_capture = true;
  hone::ProcessGroup group;
  operator const hone::ProcessGroup&() const { return group; }
};

template <class Processes, class... More>
auto trained(tiny::Net& net, Processes processes, std::int64_t batch_size, More... more) {
  auto trainer = hone::Trainer{net,
                               torch::nn::CrossEntropyLoss(),
                               hone::AdamW{.lr = 0.02},
                               OtherDevice{},
                               std::move(processes),
                               hone::ClipNorm{.max_norm = 0.5},
                               std::move(more)...};
  trainer.train(tiny::dataset(50), {.num_epochs = 8, .per_device_batch_size = batch_size, .shuffle = true, .seed = 3});
  return trainer;
}

TEST_CASE("two ranks with captured steps train to the weights of one rank") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    const Recordable group{hone::Gloo{.placement = placement, .timeout = 20s}};
    const hone::StepCaptureOptions quiet{.log = nullptr};
    {  // 12 batches of 2 * 2 samples and one of 2 in an epoch
      tiny::Net alone, together;
      trained(alone, hone::SingleProcess{}, 4);
      auto trainer = trained(together, hone::Ddp{group}, 2, Capture(quiet), hone::StopOnSignal{});
      CHECK(tiny::distance(tiny::weights(alone), tiny::weights(together)) < 2e-6);
      CHECK(trainer.execution().counts().recordings == 1);
      CHECK(trainer.execution().counts().replayed > 80);
    }
    {  // accumulation windows of 3 batches; the last of an epoch is shorter
      tiny::Net alone, together;
      trained(alone, hone::SingleProcess{}, 4, hone::GradAccum<3>{});
      auto trainer = trained(together, hone::Ddp{group}, 2, Capture(quiet), hone::GradAccum<3>{});
      CHECK(tiny::distance(tiny::weights(alone), tiny::weights(together)) < 2e-6);
      CHECK(trainer.execution().counts().recordings == 3);
      CHECK(trainer.execution().counts().replayed > 40);
    }
  });
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAFunctions.h>
#include <torch/torch.h>

#include "hone/capture/cuda_graph_recorder.hpp"
#include "hone/capture/step_capture.hpp"
#include "hone/devices/cuda.hpp"
#include "hone/optim/adam.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/drop_net.hpp"
#include "support/models.hpp"

namespace {

template <class... More>
auto trained(tiny::DropNet& net, More... more) {
  auto trainer = hone::Trainer{net,
                               torch::nn::CrossEntropyLoss(),
                               hone::AdamW{.lr = 0.05, .weight_decay = 0.1},
                               hone::Cuda<>{},
                               hone::ClipNorm{.max_norm = 0.5},
                               hone::CosineLr{},
                               std::move(more)...};
  const auto data = tiny::dataset(50);
  trainer.train(data, {.num_epochs = 6, .per_device_batch_size = 4, .shuffle = true, .seed = 3});
  return trainer;
}

template <class... More>
void require_equal_runs(int num_recordings, const More&... more) {
  tiny::DropNet written, recorded;
  const auto eager = trained(written, more...);
  auto captured = trained(recorded, hone::StepCapture<>{}, more...);
  CHECK(tiny::distance(tiny::weights(written), tiny::weights(recorded)) < 1e-4);
  const auto& counts = captured.execution().counts();
  INFO(counts.reason);
  CHECK(counts.recordings == num_recordings);
  CHECK(counts.replayed > counts.eager);
}

TEST_CASE("a CUDA graph of a step equals the eager step: weights, dropout and schedule") {
  SECTION("an update for every batch") { require_equal_runs(1); }
  SECTION("gradient accumulation") { require_equal_runs(3, hone::GradAccum<3>{}); }
}

TEST_CASE("replays do not synchronize the host, and use the caller's stream") {
  tiny::DropNet net;
  auto trainer = trained(net, hone::StepCapture<>{});
  const auto batch = hone::map_tensors(tiny::batches(1)[0], [](const at::Tensor& t) { return t.to(at::kCUDA); });
  for (int i = 0; i < 6; ++i) trainer.step(batch);
  const auto replayed = trainer.execution().counts().replayed;
  const auto stream = c10::cuda::getStreamFromPool();
  const c10::cuda::CUDAStreamGuard on_stream(stream);
  c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_ERROR);
  at::Tensor loss;
  for (int i = 0; i < 8; ++i) loss = trainer.step(batch).loss;
  c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_DISABLED);
  CHECK(trainer.execution().counts().replayed == replayed + 8);
  CHECK(std::isfinite(loss.item<float>()));
  CHECK(c10::cuda::getCurrentCUDAStream() == stream);
}

TEST_CASE("a step that reads a result on the host runs eagerly, and training continues") {
  tiny::DropNet written, reading;
  trained(written);
  reading->reads = true;
  auto trainer = trained(reading, hone::StepCapture<>(hone::StepCaptureOptions{.log = nullptr}));
  CHECK(trainer.execution().counts().recordings == 0);
  CHECK(trainer.execution().counts().reason.starts_with("a step cannot be captured: "));
  CHECK(tiny::distance(tiny::weights(written), tiny::weights(reading)) < 1e-4);
}

}  // namespace

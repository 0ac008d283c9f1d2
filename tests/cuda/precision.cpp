// SPDX-License-Identifier: Apache-2.0
/// Tests of precisions on a GPU: training, host synchronization and replays.
#include <c10/cuda/CUDAFunctions.h>
#include <torch/torch.h>

#include <limits>
#include <utility>

#include "hone/capture/cuda_graph_recorder.hpp"
#include "hone/capture/step_capture.hpp"
#include "hone/devices/cuda.hpp"
#include "hone/optim/adam.hpp"
#include "hone/precision/matmul.hpp"
#include "hone/precision/mixed.hpp"
#include "hone/precision/pure.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using at::Tensor;

/// Makes operators throw that synchronize the host with the device, during its lifetime.
struct NoWaits {
  NoWaits() { c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_ERROR); }
  NoWaits(const NoWaits&) = delete;
  NoWaits& operator=(const NoWaits&) = delete;
  ~NoWaits() { c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_DISABLED); }
};

auto batch_on_gpu() {
  return hone::map_tensors(tiny::batches(1, 32)[0], [](const Tensor& tensor) { return tensor.to(at::kCUDA); });
}

template <class... More>
auto trainer_of(const tiny::Net& net, More... more) {
  return hone::Trainer{net,
                       torch::nn::CrossEntropyLoss(),
                       hone::AdamW{.lr = 0.05},
                       hone::Cuda<>{},
                       hone::ClipNorm{.max_norm = 1.0},
                       std::move(more)...};
}

template <class Precision>
void learns_without_waiting(const Precision& precision, at::ScalarType outputs) {
  tiny::Net net;
  auto trainer = trainer_of(net, precision);
  const auto batch = batch_on_gpu();
  const double before = trainer.step(batch).loss.template item<double>();
  Tensor loss;
  {
    const NoWaits no_waits;
    for (int i = 0; i < 100; ++i) loss = trainer.step(batch).loss;
  }
  CHECK(loss.item<double>() < 0.8 * before);
  CHECK(trainer.evaluate_batch(batch).outputs.scalar_type() == outputs);
}

TEST_CASE("every precision trains on the GPU without host synchronization in a step") {
  learns_without_waiting(hone::Bf16{}, at::kBFloat16);
  learns_without_waiting(hone::Fp16{}, at::kHalf);
  learns_without_waiting(hone::PureBf16{}, at::kBFloat16);
  learns_without_waiting(hone::PureFp16{}, at::kHalf);
  learns_without_waiting(hone::Fp64{}, at::kDouble);
  learns_without_waiting(hone::Tf32{}, at::kFloat);
}

TEST_CASE("a run on the GPU that only skips updates stops, without host synchronization in a step") {
  tiny::Net net;
  auto trainer = trainer_of(net, hone::Fp16({.max_skipped_in_a_row = 10}));
  auto batch = batch_on_gpu();
  batch.first = batch.first * std::numeric_limits<float>::infinity();
  std::vector<Tensor> weights;
  for (const auto& weight : net->parameters()) weights.push_back(weight.detach().clone());
  int steps = 0;
  {
    const NoWaits no_waits;
    for (; steps < 5000 && !trainer.run().stop_requested(); ++steps) trainer.step(batch);
  }
  CHECK(steps < 5000);
  CHECK(tiny::contains(std::string(trainer.run().stop_reason()), "10 consecutive updates were skipped"));
  CHECK(tiny::equal(tiny::weights(net), weights));
}

template <class Precision>
void is_replayed(const Precision& precision) {
  tiny::Net written, recorded;
  auto eager = trainer_of(written, precision);
  auto captured = trainer_of(recorded, precision, hone::StepCapture<>{});
  const auto batch = batch_on_gpu();
  for (int i = 0; i < 30; ++i) {
    eager.step(batch);
    captured.step(batch);
  }
  INFO(captured.execution().counts().reason);
  CHECK(captured.execution().counts().replayed >= 20);
  CHECK(tiny::distance(tiny::weights(written), tiny::weights(recorded)) < 1e-2);
  if constexpr (hone::ScalesLoss<Precision>) {
    CHECK(eager.precision().scale() == captured.precision().scale());
    CHECK(eager.precision().skipped() == captured.precision().skipped());
    CHECK(captured.precision().skipped() > 0);
  }
}

TEST_CASE("replayed steps equal eager steps: loss scaling, skipped updates and master weights") {
  // The initial scale is so high that the first updates are skipped, and it grows during the replays.
  is_replayed(hone::Fp16({.init_scale = 16777216.0, .growth_interval = 5}));
  is_replayed(hone::Bf16{});
  is_replayed(hone::PureBf16{});
}

}  // namespace

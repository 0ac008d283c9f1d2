// SPDX-License-Identifier: Apache-2.0
/// Tests of devices, transfers and data on a GPU.
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hone/callbacks/metrics.hpp"
#include "hone/devices/cuda.hpp"
#include "hone/devices/prefetch_to_device.hpp"
#include "hone/metrics/accuracy.hpp"
#include "hone/optim/adam.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

/// Makes operators throw that synchronize the host with the device, during its lifetime.
struct NoWaits {
  NoWaits() { c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_ERROR); }
  NoWaits(const NoWaits&) = delete;
  NoWaits& operator=(const NoWaits&) = delete;
  ~NoWaits() { c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_DISABLED); }
};

/// Forbids host synchronization between the ends of two steps of an epoch, including the loader.
struct Strict {
  std::int64_t from, to;
  std::optional<NoWaits>* waits;
  void on_train_step_end(const auto& event) {
    if (event.run.batch() == from) waits->emplace();
    if (event.run.batch() == to) waits->reset();
  }
};

/// Records the stream and the device of its calls, and may run out of memory.
struct NetImpl : tiny::NetImpl {
  Tensor forward(const Tensor& inputs) {
    stream = c10::cuda::getCurrentCUDAStream().id();
    device = c10::cuda::current_device();
    if (greedy) return torch::empty({std::int64_t{1} << 45}, inputs.options());
    return tiny::NetImpl::forward(inputs);
  }
  c10::StreamId stream = -1;
  c10::DeviceIndex device = -1;
  bool greedy = false;
};
TORCH_MODULE(Net);

template <class Transfer>
auto trainer_on(hone::Cuda<hone::dynamic> device, const Net& net, Transfer transfer, std::optional<NoWaits>& waits) {
  return hone::Trainer{net,
                       torch::nn::CrossEntropyLoss(),
                       hone::AdamW{.lr = 0.01, .weight_decay = 0.02},
                       device,
                       transfer,
                       hone::ClipNorm{.max_norm = 0.5},
                       hone::GradAccum<2>{},
                       hone::Metrics{hone::Accuracy{}}.in_training(),
                       Strict{4, 20, &waits}};
}

/// A hand-written loop on the host with LibTorch's optimizer. Returns the mean loss of the last epoch.
double train_by_hand(tiny::Net& net, const std::vector<tiny::Batch>& batches, int epochs) {
  torch::optim::AdamW optimizer(net->parameters(), torch::optim::AdamWOptions(0.01).weight_decay(0.02));
  double sum = 0.0;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    sum = 0.0;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const auto loss = torch::nn::functional::cross_entropy(net->forward(batches[i].first), batches[i].second);
      (loss / 2).backward();
      sum += loss.item<double>();
      if (i % 2 == 0) continue;
      torch::nn::utils::clip_grad_norm_(net->parameters(), 0.5);
      optimizer.step();
      optimizer.zero_grad();
    }
  }
  return sum / static_cast<double>(batches.size());
}

std::vector<Tensor> on_host(std::vector<Tensor> tensors) {
  for (auto& tensor : tensors) tensor = tensor.cpu();
  return tensors;
}

constexpr std::int64_t samples = 96;  // 24 batches of 4

TEST_CASE("training on a GPU matches the host for every transfer, without host synchronization") {
  tiny::Net by_hand;
  const double loss = train_by_hand(by_hand, tiny::batches(24), 2);
  const auto data = tiny::dataset(samples);
  const auto check = [&](auto transfer, const auto& batches) {
    std::optional<NoWaits> waits;
    Net net;
    auto trainer = trainer_on(hone::Cuda<hone::dynamic>{0}, net, transfer, waits);
    const auto history = trainer.train(batches, data, {.num_epochs = 2, .per_device_batch_size = 4, .shuffle = false});
    CHECK(net->parameters()[0].is_cuda());
    CHECK(tiny::distance(on_host(tiny::weights(net)), tiny::weights(by_hand)) < 1e-4);
    CHECK(history.at("train_loss_epoch") == Approx(loss).epsilon(1e-4));

    const auto scores = trainer.predict(data).cpu();
    CHECK(torch::allclose(scores, by_hand->forward(tiny::inputs(samples)), 1e-3, 1e-4));
    const double right = (scores.argmax(1) == tiny::labels(samples)).to(torch::kDouble).mean().template item<double>();
    CHECK(history.at("eval_accuracy_epoch") == Approx(right).margin(1.5 / samples));

    // A training state restores the run.
    const auto state = hone::cloned(trainer.training_state());
    const auto before = on_host(tiny::weights(net));
    const auto batch = tiny::batches(1)[0];
    for (int i = 0; i < 4; ++i) trainer.step(batch);
    const auto after = on_host(tiny::weights(net));
    trainer.load_training_state(state);
    CHECK(tiny::equal(on_host(tiny::weights(net)), before));
    for (int i = 0; i < 4; ++i) trainer.step(batch);
    CHECK(tiny::distance(on_host(tiny::weights(net)), after) < 1e-6);
  };
  SECTION("moved at the start of each step") { check(hone::Direct{}, data); }
  SECTION("on the device") { check(hone::Direct{}, data.to(torch::kCUDA)); }
  SECTION("prefetched") { check(hone::PrefetchToDevice{.depth = 3}, data); }
  SECTION("on the device, with PrefetchToDevice") { check(hone::PrefetchToDevice{}, data.to(torch::kCUDA)); }
}

TEST_CASE("steps of a custom loop do not synchronize the host") {
  std::optional<NoWaits> none;
  Net net;
  auto trainer = trainer_on(hone::Cuda<hone::dynamic>{0}, net, hone::Direct{}, none);
  const auto batches = tiny::batches(12);
  for (int i = 0; i < 4; ++i) trainer.step(batches[0]);
  const NoWaits waits;
  for (const auto& batch : batches) CHECK_NOTHROW(trainer.step(batch));
}

TEST_CASE("a shuffled dataset on the device gives the same batches as on the host, without host synchronization") {
  const auto data = tiny::dataset(50);
  hone::TensorLoader here(data, {.batch_size = 8, .shuffle = true, .seed = 5});
  hone::TensorLoader there(data.to(torch::kCUDA), {.batch_size = 8, .shuffle = true, .seed = 5});
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<tiny::Batch> gathered;
    {
      std::optional<NoWaits> waits;
      if (epoch > 0) waits.emplace();
      for (auto& [x, y] : there) gathered.emplace_back(x.clone(), y.clone());
    }
    std::size_t i = 0;
    for (auto& [x, y] : here) {
      CHECK(torch::equal(gathered.at(i).first.cpu(), x));
      CHECK(torch::equal(gathered.at(i).second.cpu(), y));
      ++i;
    }
    CHECK(i == gathered.size());
  }
}

TEST_CASE("prefetched batches are correct although the work on them lags behind") {
  const c10::Device gpu(torch::kCUDA, 0);
  const hone::TensorDataset data{torch::randn({1000, 256}), torch::arange(1000)};
  const auto heavy = torch::randn({2048, 2048}, gpu);
  for (const std::int64_t depth : {1, 2, 4}) {
    hone::TensorLoader loader(data, {.batch_size = 64, .shuffle = true, .seed = 1});
    hone::TensorLoader same(data, {.batch_size = 64, .shuffle = true, .seed = 1});
    hone::PrefetchedToDevice<decltype(loader)> prefetched(loader, gpu, depth);
    for (int pass = 0; pass < 2; ++pass) {
      std::vector<tiny::Batch> seen;
      for (auto& [x, y] : prefetched) {
        CHECK(x.device() == gpu);
        auto busy = heavy;
        for (int i = 0; i < 4; ++i) busy = busy.mm(heavy).clamp(-1, 1);
        seen.emplace_back(x.clone() + 0 * busy.sum(), y.clone());  // executed later by the device
      }
      auto expected = same.begin();
      for (const auto& [x, y] : seen) {
        CHECK(torch::equal(x.cpu(), expected->first));
        CHECK(torch::equal(y.cpu(), expected->second));
        ++expected;
      }
      CHECK(expected == std::default_sentinel);
    }
    auto left = prefetched.begin();  // destroyed with pending copies
    ++left;
  }
}

TEST_CASE("batches that a thread made are copied to the device") {
  const auto batches = tiny::batches(6);
  std::vector<tiny::Batch> seen;
  for (auto& [x, y] : hone::PrefetchToDevice{}.over(batches, hone::Cuda<0>{})) seen.emplace_back(x.clone(), y.clone());
  REQUIRE(seen.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) CHECK(torch::equal(seen[i].first.cpu(), batches[i].first));
}

TEST_CASE("work uses the caller's stream, and the current stream and device are restored") {
  std::optional<NoWaits> none;
  Net net;
  const int last = c10::cuda::device_count() - 1;
  auto trainer = trainer_on(hone::Cuda<hone::dynamic>{last}, net, hone::PrefetchToDevice{}, none);
  const auto own = c10::cuda::getStreamFromPool(false, static_cast<c10::DeviceIndex>(last));
  c10::cuda::setCurrentCUDAStream(own);
  c10::cuda::set_device(0);
  const auto data = tiny::dataset(8);
  const auto check = [&](auto&& call) {
    call();
    CHECK(net->stream == own.id());
    CHECK(net->device == last);
    CHECK(c10::cuda::current_device() == 0);
    CHECK(c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(last)) == own);
    net->stream = -1;
  };
  check([&] { trainer.train(data, {.per_device_batch_size = 4}); });
  check([&] { trainer.evaluate(data); });
  check([&] { trainer.predict(data); });
  check([&] { trainer.step(tiny::batches(1)[0]); });
  check([&] { trainer.evaluate_batch(tiny::batches(1)[0]); });
  c10::cuda::setCurrentCUDAStream(c10::cuda::getDefaultCUDAStream(static_cast<c10::DeviceIndex>(last)));
}

TEST_CASE("a device number that does not exist throws std::invalid_argument before the model is moved") {
  std::optional<NoWaits> none;
  Net net;
  const auto count = c10::cuda::device_count();
  CHECK_THROWS_AS(trainer_on(hone::Cuda<hone::dynamic>{count}, net, hone::Direct{}, none), std::invalid_argument);
  CHECK(net->parameters()[0].is_cpu());
  CHECK_NOTHROW(hone::Cuda<>{}.require());
}

TEST_CASE("a step that runs out of memory throws DeviceError, and the trainer can continue") {
  std::optional<NoWaits> none;
  Net net;
  auto trainer = trainer_on(hone::Cuda<hone::dynamic>{0}, net, hone::Direct{}, none);
  const auto batch = tiny::batches(1)[0];
  net->greedy = true;
  const auto text = tiny::message_of<hone::DeviceError>([&] { trainer.step(batch); });
  CHECK(text.starts_with("Out of memory on cuda:0: CUDA out of memory. Tried to allocate "));
  CHECK_FALSE(tiny::contains(text, "If reserved"));
  net->greedy = false;
  CHECK_NOTHROW(trainer.step(batch));
}

}  // namespace

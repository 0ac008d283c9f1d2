// SPDX-License-Identifier: Apache-2.0
#include "hone/precision/mixed.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "hone/optim/adam.hpp"
#include "hone/precision/matmul.hpp"
#include "hone/trainer/trainer.hpp"
#include "precision/reference.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;
using Loss = torch::nn::CrossEntropyLoss;

/// The losses and formats of the batches, and the batches whose loss is multiplied by infinity.
struct Seen {
  std::vector<int> spoiled = {};
  bool spoils_all = false;
  std::vector<double> losses = {};
  std::vector<at::ScalarType> formats = {};
};
struct Spoiler {
  Seen* seen;
  auto train_batch_loss(auto& trainer, auto& batch) {
    auto output = trainer.train_batch_loss(batch);
    const int number = static_cast<int>(seen->losses.size());
    if (seen->spoils_all || std::ranges::count(seen->spoiled, number) > 0) output.loss = output.loss * INFINITY;
    seen->losses.push_back(output.loss.template item<double>());
    seen->formats.push_back(output.outputs.scalar_type());
    return output;
  }
};

template <class Precision>
auto trainer_of(const tiny::Net& net, Seen& seen, const Precision& precision, std::int64_t window = 1) {
  return hone::Trainer{net,
                       Loss(),
                       hone::AdamW{.lr = 0.05},
                       precision,
                       hone::ClipNorm{.max_norm = 0.2},
                       hone::GradAccum{window},
                       Spoiler{&seen}};
}
const hone::LossScaling scaling{.init_scale = 1024.0, .growth_interval = 3, .max_skipped_in_a_row = 5};

std::vector<double> sums(const tiny::Net& net) {
  std::vector<double> all;
  for (const auto& parameter : net->parameters()) all.push_back(parameter.to(at::kDouble).sum().item<double>());
  return all;
}
/// The order of summation in PyTorch may differ.
void check_close(const std::vector<double>& values, const std::vector<double>& expected) {
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    CHECK((values[i] == expected[i] || std::abs(values[i] - expected[i]) < 2e-6));
  }
}

TEST_CASE("Bf16 matches PyTorch's autocast in training, and evaluates in bfloat16") {
  tiny::Net net;
  Seen seen;
  auto trainer = trainer_of(net, seen, hone::Bf16{});
  trainer.train(tiny::batches(8));
  check_close(seen.losses, reference::bf16_losses);
  check_close(sums(net), reference::bf16_weights);
  CHECK(std::ranges::count(seen.formats, at::kBFloat16) == 8);
  CHECK(net->parameters()[0].scalar_type() == at::kFloat);
  CHECK(trainer.predict(tiny::batches(2)).scalar_type() == at::kBFloat16);
  CHECK(trainer.evaluate_batch(tiny::batches(1)[0]).outputs.scalar_type() == at::kBFloat16);
}

TEST_CASE("Fp16 matches PyTorch's autocast and GradScaler, skipped updates included") {
  tiny::Net net;
  Seen seen{.spoiled = {1, 2}};
  auto trainer = trainer_of(net, seen, hone::Fp16{scaling});
  trainer.train(tiny::batches(8));
  check_close(seen.losses, reference::fp16_losses);
  check_close(sums(net), reference::fp16_weights);
  CHECK(std::ranges::count(seen.formats, at::kHalf) == 8);
  CHECK(trainer.precision().scale() == reference::fp16_scales.back());
  CHECK(trainer.precision().skipped() == 2);
  CHECK(trainer.run().num_updates() == 8);  // skipped ones included
}

/// A hand-written loop with accumulation windows of two batches, whose gradients are unscaled once, then clipped.
std::vector<Tensor> by_hand(tiny::Net net, int spoiled_batch) {
  hone::FusedOptimizer<hone::AdamW> optimizer{hone::named_parameters(net), {.lr = 0.05}};
  const auto number = [](double value) { return torch::full({}, value); };
  Tensor scale = number(1024.0), found_inf = number(0.0), growth_tracker = torch::zeros({}, at::kInt);
  const auto batches = tiny::batches(10);
  for (int i = 0; i < 10; ++i) {
    Tensor loss;
    {
      const hone::Autocast region(c10::kCPU, at::kHalf);
      loss = torch::nn::functional::cross_entropy(net(batches[static_cast<std::size_t>(i)].first),
                                                  batches[static_cast<std::size_t>(i)].second);
    }
    if (i == spoiled_batch) loss = loss * INFINITY;
    (loss * 0.5 * scale).backward();
    if (i % 2 == 0) continue;
    found_inf.zero_();
    std::vector<Tensor> gradients;
    for (const auto& parameter : net->parameters()) gradients.push_back(parameter.grad());
    at::_amp_foreach_non_finite_check_and_unscale_(gradients, found_inf, scale.reciprocal());
    hone::ClipNorm{.max_norm = 0.2}.clip(gradients);
    if (found_inf.item<float>() == 0.0F) optimizer.step();
    at::_amp_update_scale_(scale, growth_tracker, found_inf, 2.0, 0.5, 3);
    optimizer.zero_grad();
  }
  return tiny::weights(net);
}

TEST_CASE("accumulated gradients are unscaled once, before they are clipped") {
  for (const int spoiled : {-1, 4}) {
    tiny::Net net, other;
    Seen seen{.spoiled = {spoiled}};
    auto trainer = trainer_of(net, seen, hone::Fp16{scaling}, 2);
    trainer.train(tiny::batches(10));
    CHECK(tiny::equal(tiny::weights(net), by_hand(other, spoiled)));
    CHECK(trainer.precision().skipped() == (spoiled < 0 ? 0 : 1));
  }
}

TEST_CASE("a resumed run continues with the saved loss scale, also within an accumulation window") {
  const auto batches = tiny::batches(10);
  const auto steps = [&](auto& trainer, std::size_t first, std::size_t end) {
    for (; first < end; ++first) trainer.step(batches[first]);
  };
  tiny::Net whole_net, first_net, second_net;
  Seen seen{.spoiled = {0, 4}}, first_seen{.spoiled = {0, 4}}, second_seen;
  auto whole = trainer_of(whole_net, seen, hone::Fp16{scaling}, 2);
  auto first = trainer_of(first_net, first_seen, hone::Fp16{scaling}, 2);
  auto second = trainer_of(second_net, second_seen, hone::Fp16{}, 2);
  steps(whole, 0, 10);
  steps(first, 0, 5);
  second.load_training_state(hone::cloned(first.training_state()));
  steps(second, 5, 10);
  CHECK(tiny::equal(tiny::weights(whole_net), tiny::weights(second_net)));
  CHECK(whole.precision().scale() == second.precision().scale());
  CHECK(second.precision().skipped() == 2);
}

TEST_CASE("a run that only skips updates stops with a reason and unchanged weights") {
  tiny::Net net;
  const auto before = tiny::weights(net);
  Seen seen{.spoils_all = true};
  auto trainer = trainer_of(net, seen, hone::Fp16{scaling});
  const auto history = trainer.train(tiny::batches(20));
  CHECK(seen.losses.size() == 5);
  CHECK(tiny::contains(*history.stop_reason(), "5 consecutive updates were skipped"));
  CHECK(tiny::equal(tiny::weights(net), before));
}

/// Records whether TF32 is allowed when backward begins.
struct Asks {
  bool* lockstep;
  void backward(auto& trainer, const Tensor& loss) {
    *lockstep = at::globalContext().allowTF32CuBLAS();
    trainer.backward(loss);
  }
};

TEST_CASE("Tf32 is in effect during a run or a step and is restored afterwards, also after an exception") {
  bool lockstep = false, in_loss = false, fails = false;
  const auto loss = [&](const Tensor& outputs, const Tensor& target) {
    if (fails) throw std::runtime_error("no");
    in_loss = at::globalContext().allowTF32CuBLAS();
    return torch::nn::functional::cross_entropy(outputs, target);
  };
  const auto is_set = [] { return at::globalContext().allowTF32CuBLAS(); };
  auto trainer = hone::Trainer{tiny::Net(), loss, hone::AdamW{}, hone::Tf32{}, Asks{&lockstep}};
  trainer.train(tiny::batches(2));
  CHECK(std::exchange(lockstep, false));
  CHECK(!is_set());
  trainer.step(tiny::batches(1)[0]);
  CHECK(lockstep);
  in_loss = false;
  trainer.evaluate(tiny::batches(2));
  CHECK(std::exchange(in_loss, false));
  trainer.evaluate_batch(tiny::batches(1)[0]);
  CHECK(in_loss);
  CHECK(!is_set());
  fails = true;
  CHECK_THROWS(trainer.train(tiny::batches(2)));
  CHECK_THROWS(trainer.step(tiny::batches(1)[0]));
  CHECK(!is_set());
}

}  // namespace

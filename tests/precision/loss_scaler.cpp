// SPDX-License-Identifier: Apache-2.0
#include "hone/precision/loss_scaler.hpp"

#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "hone/checkpoint/archive.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/sgd.hpp"
#include "precision/reference.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;
constexpr double infinity = std::numeric_limits<double>::infinity();

/// One weight and its updates. `gradient` is unscaled.
template <class Rule>
struct Descent {
  Tensor weight = torch::ones({2}, at::TensorOptions().requires_grad(true));
  hone::FusedOptimizer<Rule> optimizer;
  hone::LossScaler scaler;

  Descent(const Rule& rule, const hone::LossScaling& settings)
      : optimizer({{"weight", weight}}, rule), scaler(settings) {
    scaler.start(at::kCPU);
  }
  void update(double gradient) {
    scaler.scale((weight * gradient).sum()).backward();
    scaler.unscale(optimizer.collect_gradients());
    scaler.update(optimizer);
    optimizer.zero_grad();
  }
};

TEST_CASE("the scale matches PyTorch's GradScaler") {
  Descent<hone::Sgd> descent({.lr = 0.1}, {.init_scale = 1024.0, .growth_interval = 3});
  for (std::size_t update = 0; update < reference::fp16_scales.size(); ++update) {
    descent.update(update == 1 || update == 2 ? infinity : 1.0);
    CHECK(descent.scaler.scale() == reference::fp16_scales[update]);
  }
  const hone::Dict state = hone::state_of(descent.scaler);
  std::vector<double> numbers;
  for (const char* name : {"scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker"}) {
    numbers.push_back(state.at(name).number());
  }
  CHECK(numbers == reference::fp16_state);
  CHECK(descent.scaler.skipped() == 2);
  CHECK(descent.scaler.skipped_in_a_row() == 0);
}

template <class Rule>
void skips_and_goes_on(const Rule& rule) {
  Descent<Rule> spoiled(rule, {}), plain(rule, {});
  spoiled.update(infinity);  // before the optimizer has a state
  for (const double gradient : {1.0, 2.0, infinity, 3.0, std::nan("")}) {
    const auto before = spoiled.weight.detach().clone();
    spoiled.update(gradient);
    CHECK(torch::equal(spoiled.weight, before) == !std::isfinite(gradient));
    if (std::isfinite(gradient)) plain.update(gradient);
  }
  CHECK(torch::equal(spoiled.weight, plain.weight));
  CHECK(spoiled.scaler.skipped() == 3);
  CHECK(spoiled.scaler.skipped_in_a_row() == 1);
  CHECK(spoiled.optimizer.num_updates() == 6);  // skipped ones included
}

TEST_CASE("a skipped update changes neither weights nor state, and training continues as if it did not happen") {
  skips_and_goes_on(hone::Sgd{.lr = 0.1, .momentum = 0.9});
  skips_and_goes_on(hone::Sgd{.lr = 0.1, .momentum = 0.9, .dampening = 0.5});
  skips_and_goes_on(hone::AdamW{.lr = 0.1, .amsgrad = true});
}

TEST_CASE("LossScaler loads a state in place and rejects an invalid one") {
  Descent<hone::Sgd> descent({.lr = 0.1}, {.init_scale = 8.0, .growth_interval = 4});
  for (const double gradient : {1.0, infinity, 1.0, 1.0, 1.0}) descent.update(gradient);
  const hone::Value state = hone::cloned(hone::state_of(descent.scaler));

  hone::LossScaler other;
  other.start(at::kCPU);
  const void* place = other.found_inf().const_data_ptr();
  const auto loss = torch::ones({});
  hone::load_state_of(other, state);
  CHECK(other.found_inf().const_data_ptr() == place);
  CHECK(other.scale() == 4.0);
  CHECK(other.scale(loss).item<double>() == 4.0);
  CHECK(other.skipped() == 1);
  CHECK(other.settings().growth_interval == 4);
  CHECK(other.settings().max_skipped_in_a_row == 100);

  descent.update(1.0);  // the fourth finite update
  CHECK(descent.scaler.scale() == 8.0);
  Tensor weight = torch::ones({1}, at::TensorOptions().requires_grad(true));
  hone::FusedOptimizer<hone::Sgd> optimizer({{"weight", weight}}, {});
  other.scale(weight.sum()).backward();
  other.unscale(optimizer.collect_gradients());
  other.update(optimizer);
  CHECK(other.scale() == 8.0);

  for (const auto& [name, value] : std::vector<std::pair<const char*, hone::Value>>{
           {"scale", infinity}, {"growth_interval", std::int64_t{0}}, {"backoff_factor", 2.0}}) {
    hone::Dict broken = state.get<hone::Dict>();
    broken.set(name, value);
    CHECK_THROWS_AS(hone::load_state_of(other, broken), hone::DataError);
  }
  CHECK(other.scale() == 8.0);
}

TEST_CASE("LossScaler gives up after max_skipped_in_a_row consecutive skipped updates, or never if it is 0") {
  Descent<hone::Sgd> descent({.lr = 0.1}, {.max_skipped_in_a_row = 3});
  Descent<hone::Sgd> patient({.lr = 0.1}, {.max_skipped_in_a_row = 0});
  descent.update(infinity);
  descent.update(infinity);
  CHECK(!descent.scaler.has_diverged());
  descent.update(1.0);
  for (int i = 0; i < 3; ++i) {
    CHECK(!descent.scaler.has_diverged());
    descent.update(infinity);
    patient.update(infinity);
  }
  CHECK(descent.scaler.has_diverged());
  CHECK(!patient.scaler.has_diverged());
  CHECK(tiny::contains(descent.scaler.reason(), "3 consecutive updates were skipped"));
}

TEST_CASE("LossScaling settings out of range throw std::invalid_argument that names the setting") {
  const auto message = [](const hone::LossScaling& settings) {
    return tiny::message_of<std::invalid_argument>([&] { const hone::LossScaler scaler(settings); });
  };
  CHECK(message({.init_scale = 0.0}) == "LossScaling::init_scale is 0. Set it to a finite float greater than 0.");
  CHECK(tiny::contains(message({.init_scale = infinity}), "init_scale"));
  CHECK(tiny::contains(message({.growth_factor = 1.0}), "growth_factor is 1"));
  CHECK(tiny::contains(message({.backoff_factor = 1.0}), "backoff_factor is 1"));
  CHECK(tiny::contains(message({.growth_interval = 0}), "growth_interval is 0"));
  CHECK(tiny::contains(message({.max_skipped_in_a_row = -1}), "max_skipped_in_a_row is -1"));
  CHECK(message({}).empty());
}

}  // namespace

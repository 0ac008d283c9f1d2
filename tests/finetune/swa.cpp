// SPDX-License-Identifier: Apache-2.0
#include "hone/finetune/swa.hpp"

#include <torch/torch.h>

#include <cstdint>
#include <initializer_list>
#include <stdexcept>

#include "fake_trainer.hpp"
#include "support/catch.hpp"

using nets::close;
using nets::FakeTrainer;

namespace {

torch::Tensor mean_of(std::initializer_list<std::int64_t> steps) {
  auto sum = torch::zeros({3}, torch::kDouble);
  for (const auto k : steps) sum += nets::weights_at(k);
  return sum / static_cast<double>(steps.size());
}

}  // namespace

TEST_CASE(
    "The weights at the ends of every n-th epoch from the first chosen one on are averaged and left in the model") {
  FakeTrainer trainer;
  hone::Swa swa{.start_epoch = 2, .every_n_epochs = 2};
  trainer.train(swa, 7);
  CHECK(swa.average().num_averaged() == 3);
  CHECK(close(trainer.model()->weight.detach(), mean_of({4, 8, 12})));
  CHECK(torch::equal(trainer.model()->count, torch::tensor(12)));
  CHECK(trainer.seen().empty());
}

TEST_CASE("A run that ends before the average begins keeps its weights") {
  FakeTrainer trainer;
  hone::Swa swa{.start_epoch = 3};
  trainer.train(swa, 2);
  CHECK(torch::equal(trainer.model()->weight, nets::weights_at(4)));
}

TEST_CASE("Averaged weights are evaluated where asked to, before they differ as those of the model") {
  FakeTrainer trainer;
  hone::Swa swa{.start_epoch = 3, .evaluate = true, .apply_at_end = false};
  trainer.train(swa, 4);
  REQUIRE(trainer.seen().size() == 4);
  CHECK(torch::equal(trainer.seen()[0], nets::weights_at(2)));
  CHECK(torch::equal(trainer.seen()[2], nets::weights_at(6)));
  CHECK(close(trainer.seen()[3], mean_of({6, 8})));
  CHECK(trainer.history().contains("swa_model_eval_loss_epoch"));
  CHECK(torch::equal(trainer.model()->weight, nets::weights_at(8)));
}

TEST_CASE("Settings of stochastic weight averaging are checked") {
  CHECK_THROWS_AS(hone::Swa{.start_epoch = 0}, std::invalid_argument);
  CHECK_THROWS_AS(hone::Swa{.every_n_epochs = 0}, std::invalid_argument);
}

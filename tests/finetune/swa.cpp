// SPDX-License-Identifier: Apache-2.0
#include "hone/finetune/swa.hpp"

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>

#include "fake_trainer.hpp"
#include "hone/callbacks/save_best.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/temporary_folder.hpp"

using nets::close;
using nets::FakeTrainer;

namespace {

torch::Tensor mean_of(std::initializer_list<std::int64_t> steps) {
  auto sum = torch::zeros({3}, torch::kDouble);
  for (const auto k : steps) sum += nets::weights_at(k);
  return sum / static_cast<double>(steps.size());
}

}  // namespace

TEST_CASE("the weights after every n-th epoch from start_epoch are averaged, and applied at the end") {
  FakeTrainer trainer;
  hone::Swa swa{.start_epoch = 2, .every_n_epochs = 2};
  trainer.train(swa, 7);
  CHECK(swa.average().num_averaged() == 3);
  CHECK(close(trainer.model()->weight.detach(), mean_of({4, 8, 12})));
  CHECK(torch::equal(trainer.model()->count, torch::tensor(12)));
  CHECK(trainer.seen().empty());
  CHECK(trainer.run().has_averaged_model());
}

TEST_CASE("a run that ends before start_epoch keeps its weights") {
  FakeTrainer trainer;
  hone::Swa swa{.start_epoch = 3};
  trainer.train(swa, 2);
  CHECK(torch::equal(trainer.model()->weight, nets::weights_at(4)));
  CHECK_FALSE(trainer.run().has_averaged_model());
}

TEST_CASE("evaluate = true evaluates the averaged weights, or the model's weights before start_epoch") {
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

TEST_CASE("invalid settings of Swa throw std::invalid_argument") {
  CHECK_THROWS_AS(hone::Swa{.start_epoch = 0}, std::invalid_argument);
  CHECK_THROWS_AS(hone::Swa{.every_n_epochs = 0}, std::invalid_argument);
}

TEST_CASE("the averaged weights are in the model at the end, whether SaveBest is before or after Swa") {
  const TemporaryFolder folder;
  const auto train = [&](auto... callbacks) {
    torch::manual_seed(1);
    tiny::Net net;
    auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, callbacks...};
    trainer.train(tiny::batches(4), tiny::batches(2), {.num_epochs = 3});
    return tiny::weights(net);
  };
  const hone::SaveBest best{.save_path = folder / "best.pt"};
  hone::Swa before{}, after{};
  const auto first = train(before, best), last = train(best, after);
  for (std::size_t i = 0; i < first.size(); ++i) {
    CHECK(torch::equal(first[i], before.average().state().tensors[i].value));
    CHECK(torch::equal(first[i], last[i]));
  }
  const hone::SaveBest loads{.save_path = folder / "best.pt", .load_saved_checkpoint = true};
  hone::Swa replaced{};
  CHECK_FALSE(tiny::equal(train(replaced, loads), first));
}

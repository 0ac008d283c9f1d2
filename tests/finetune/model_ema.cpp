// SPDX-License-Identifier: Apache-2.0
#include "hone/finetune/model_ema.hpp"

#include <torch/torch.h>

#include <stdexcept>
#include <string>
#include <type_traits>

#include "fake_trainer.hpp"
#include "hone/callbacks/filters.hpp"
#include "hone/finetune/swa.hpp"
#include "support/catch.hpp"

using nets::close;
using nets::ema_of;
using nets::FakeTrainer;

namespace {

struct Silent {
  void on_eval_epoch_end(const hone::EvalEpochEnd&) {}
};
static_assert(hone::detail::is_collective<hone::ModelEma<>> && hone::detail::is_collective<hone::Swa<>>);
static_assert(std::is_same_v<decltype(hone::ModelEma{}), hone::ModelEma<>> &&
              std::is_same_v<decltype(hone::ModelEma{.decay = 0.5, .callbacks = hone::CallbackSet{Silent{}}}),
                             hone::ModelEma<hone::CallbackSet<Silent>>>);

torch::Tensor averaged(auto& ema) { return ema.average().state().tensors.at(0).value; }

}  // namespace

TEST_CASE("the average is updated after each update, starting from the weights before the first one") {
  FakeTrainer trainer;
  hone::ModelEma ema{.decay = 0.9};
  trainer.train(ema, 2);
  CHECK(close(averaged(ema), ema_of({0, 1, 2, 3, 4}, 0.9)));
}

TEST_CASE("an update before the first run throws std::logic_error") {
  FakeTrainer trainer;
  hone::ModelEma ema{.decay = 0.9};
  CHECK_THROWS_AS(trainer.notify<hone::OptimizerStep>(ema), std::logic_error);
  trainer.train(ema, 1);
  CHECK_NOTHROW(trainer.notify<hone::OptimizerStep>(ema));
}

TEST_CASE("EmaUpdate::per_epoch updates the average after each epoch") {
  FakeTrainer trainer;
  hone::ModelEma ema{.decay = 0.9, .update = hone::EmaUpdate::per_epoch};
  trainer.train(ema, 3);
  CHECK(close(averaged(ema), ema_of({0, 2, 4, 6}, 0.9)));
}

TEST_CASE("every_n = n updates the average after every n-th update") {
  FakeTrainer trainer;
  hone::ModelEma ema{.decay = 0.9, .every_n = 3};
  trainer.train(ema, 4);
  CHECK(close(averaged(ema), ema_of({0, 3, 6}, 0.9)));
}

TEST_CASE("the average equals the model's weights until update after_n") {
  FakeTrainer trainer;
  hone::ModelEma ema{.decay = 0.9, .every_n = 2, .after_n = 3};
  trainer.train(ema, 4);
  CHECK(close(averaged(ema), ema_of({3, 5, 7}, 0.9)));
  CHECK(torch::equal(trainer.seen()[0], nets::weights_at(2)));  // not begun: the model's weights
  CHECK(torch::equal(trainer.seen()[1], nets::weights_at(3)));
}

TEST_CASE("with warmup the decay of the first updates is smaller") {
  FakeTrainer trainer;
  hone::ModelEma ema{.decay = 0.9, .warmup = true};
  trainer.train(ema, 1);
  const auto first = 0.1 * nets::weights_at(0) + 0.9 * nets::weights_at(1);
  CHECK(close(averaged(ema), 2.0 / 11.0 * first + 9.0 / 11.0 * nets::weights_at(2)));
}

TEST_CASE("integer buffers are copied from the model") {
  FakeTrainer trainer;
  hone::ModelEma ema{.decay = 0.999};
  trainer.train(ema, 2);
  CHECK(ema.average().state().tensors.at(2).value.item<int>() == 4);
}

TEST_CASE("invalid settings of ModelEma throw std::invalid_argument") {
  CHECK_THROWS_AS(hone::ModelEma{.decay = 1.5}, std::invalid_argument);
  CHECK_THROWS_AS(hone::ModelEma{.every_n = 0}, std::invalid_argument);
  try {
    hone::ModelEma ema{.after_n = -1};
    FAIL();
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()) ==
          "ModelEma begins after -1 updates or epochs and averages every 1. Set the beginning to 0 or greater, and the "
          "interval to 1 or greater.");
  }
}

// SPDX-License-Identifier: Apache-2.0
/// Tests of the options for loaders, and of the batch sizes in a run's configuration.
#include <torch/torch.h>

#include <functional>

#include "hone/callbacks/filters.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/policies/accumulation.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/trainer/trainer.hpp"
#include "hone/tune/trial_run.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using tiny::message_of;
using Pair = tiny::Batch;

template <class... Settings>
auto trainer_with(Settings... settings) {
  return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, std::move(settings)...};
}

TEST_CASE("a run of 0 epochs does nothing, also with a schedule that needs the run length") {
  auto trainer = trainer_with(hone::CosineLr{});
  CHECK(trainer.train(tiny::dataset(), {.num_epochs = 0}).num_updates() == 0);
  CHECK(trainer.train(tiny::batches(0), {.num_epochs = 0}).num_updates() == 0);
  CHECK(trainer.train(tiny::dataset(), {.num_epochs = 1, .per_device_batch_size = 4}).num_updates() == 3);
}

TEST_CASE("an empty range throws an error about the data, not about the schedule") {
  auto trainer = trainer_with(hone::CosineLr{});
  CHECK(message_of<hone::DataError>([&] { trainer.train(std::vector<Pair>{}); }) ==
        "The training data is a range of 0 batches. Pass at least one batch.");
}

TEST_CASE("options for loaders throw std::invalid_argument if the data is a range of batches") {
  auto trainer = trainer_with();
  const auto batches = tiny::batches(3);
  hone::TensorLoader loader(tiny::dataset(), {.batch_size = 4});
  const auto unused = [](const char* option, const char* value) {
    return std::string(option) + " is " + value + ", but the data is already a range of batches. Remove " + option +
           " and set it where the loader is constructed, or pass the dataset.";
  };
  const auto refusal = [](auto&& call) { return message_of<std::invalid_argument>(call); };
  CHECK(refusal([&] { trainer.train(batches, {.per_device_batch_size = 4}); }) == unused("per_device_batch_size", "4"));
  CHECK(refusal([&] { trainer.train(loader, {.shuffle = true}); }) == unused("shuffle", "true"));
  CHECK(refusal([&] { trainer.train(loader, {.drop_last = false}); }) == unused("drop_last", "false"));
  CHECK(refusal([&] { trainer.train(std::ref(loader), {.shuffle = false}); }) == unused("shuffle", "false"));
  CHECK(refusal([&] { trainer.train(batches, batches, {.eval_per_device_batch_size = 4}); }) ==
        unused("eval_per_device_batch_size", "4"));
  CHECK(refusal([&] { trainer.evaluate(batches, {.per_device_batch_size = 4}); }) ==
        unused("per_device_batch_size", "4"));
  CHECK(refusal([&] { static_cast<void>(trainer.predict(loader, {.per_device_batch_size = 4})); }) ==
        unused("per_device_batch_size", "4"));
  const auto nothing = [](auto&&...) { return true; };
  CHECK(refusal([&] { hone::trial_run(trainer, batches, {.per_device_batch_size = 4}, nothing, nothing); }) ==
        unused("per_device_batch_size", "4"));
  CHECK(trainer.train(batches, batches).num_updates() == 3);
}

TEST_CASE("options for evaluations throw std::invalid_argument without an evaluation set") {
  auto trainer = trainer_with();
  auto set = tiny::dataset();
  const auto refusal = [](auto&& call) { return message_of<std::invalid_argument>(call); };
  const auto unused = [](const char* option, const char* value) {
    return std::string(option) + " is " + value + ", but the run has no evaluation set. Pass one, or remove " + option +
           ".";
  };
  CHECK(refusal([&] { trainer.train(set, {.eval_per_device_batch_size = 4}); }) ==
        unused("eval_per_device_batch_size", "4"));
  CHECK(refusal([&] { trainer.train(set, {.evaluate_every_n_epochs = 2}); }) == unused("evaluate_every_n_epochs", "2"));
  CHECK(refusal([&] { trainer.train(set, {.num_sanity_eval_batches = 1}); }) == unused("num_sanity_eval_batches", "1"));
  CHECK(refusal([&] { trainer.resume(std::nullopt, set, {.evaluate_every_n_epochs = 2}); }) ==
        unused("evaluate_every_n_epochs", "2"));
  CHECK(refusal([&] { static_cast<void>(trainer.begin_run({.eval_per_device_batch_size = 4})); }) ==
        unused("eval_per_device_batch_size", "4"));
  CHECK(refusal([&] { static_cast<void>(trainer.resume_run(std::nullopt, {.evaluate_every_n_epochs = 3})); }) ==
        unused("evaluate_every_n_epochs", "3"));
  const auto options = hone::TrainOptions{.eval_per_device_batch_size = 4, .num_sanity_eval_batches = 1};
  CHECK(trainer.train(set, set, options).contains("eval_loss_epoch"));
}

TEST_CASE("a run's configuration has the batch sizes of its loaders") {
  auto trainer = trainer_with(hone::GradAccum<2>{});
  hone::TensorLoader loader(tiny::dataset(), {.batch_size = 6});
  hone::IndexedLoader collated(tiny::dataset(), {.batch_size = 3});
  const auto& config = trainer.run().config();
  trainer.train(loader, loader);
  CHECK((config.train_per_device_batch_size == 6 && config.eval_per_device_batch_size == 6));
  CHECK(config.num_batches_per_update == 2);
  trainer.train(collated);
  CHECK((config.train_per_device_batch_size == 3 && config.eval_per_device_batch_size == 0));
  trainer.train(tiny::batches(3));
  CHECK(config.train_per_device_batch_size == 0);
  trainer.train(tiny::dataset(), {.per_device_batch_size = 64});
  CHECK(config.train_per_device_batch_size == 12);
}

TEST_CASE("the configuration of an evaluation has its batch size and number of batches") {
  hone::RunConfig seen;
  auto trainer = trainer_with(
      hone::GradAccum<2>{}, hone::on<hone::EvaluationRunStart>([&](const auto& event) { seen = event.run.config(); }));
  trainer.evaluate(tiny::dataset(5), {.per_device_batch_size = 64});
  CHECK((seen.eval_per_device_batch_size == 5 && seen.num_batches_per_update == 1));
  CHECK(seen.num_eval_batches_per_epoch == 1);
  trainer.evaluate(tiny::dataset(5));
  CHECK(seen.eval_per_device_batch_size == 5);
  trainer.evaluate(tiny::batches(2));
  CHECK(seen.eval_per_device_batch_size == 0);
}

TEST_CASE("a batch size beyond the dataset gives one batch, and throws with drop_last") {
  auto trainer = trainer_with();
  CHECK(trainer.train(tiny::dataset(5)).num_updates() == 1);
  CHECK(trainer.train(tiny::dataset(5), {.per_device_batch_size = 64}).num_updates() == 1);
  CHECK(trainer.predict(tiny::dataset(5), {.per_device_batch_size = 64}).size(0) == 5);
  CHECK(message_of<std::invalid_argument>(
            [&] { trainer.train(tiny::dataset(5), {.per_device_batch_size = 64, .drop_last = true}); }) ==
        "batch_size is 64, but the dataset has only 5 samples, so drop_last would leave no batch. Set batch_size to at "
        "most 5, or remove drop_last.");
}

}  // namespace

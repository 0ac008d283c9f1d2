// SPDX-License-Identifier: Apache-2.0
/// Tests of stop requests on one of several ranks: all ranks stop after the same update, with the same reason.
#include <torch/torch.h>

#include <csignal>
#include <functional>
#include <limits>
#include <string>

#include "hone/callbacks/early_stopping.hpp"
#include "hone/callbacks/limit_batches.hpp"
#include "hone/callbacks/stop_on_signal.hpp"
#include "hone/callbacks/terminate_on_nan.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "hone/tune/batch_size_finder.hpp"
#include "hone/tune/learning_rate_finder.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using at::Tensor;
using Data = hone::TensorDataset<std::pair<Tensor, Tensor>>;
using Act = std::function<void(hone::Run&)>;

/// Calls the functions of a test at these events.
struct Probe {
  Act at_loss{}, at_gradients{}, at_step_end{}, at_eval_step_end{}, at_eval_end{};

  void on_train_loss(const hone::TrainLoss& event) const { act(at_loss, event); }
  void on_before_optimizer_step(const hone::BeforeOptimizerStep& event) const { act(at_gradients, event); }
  void on_train_step_end(const hone::TrainStepEnd& event) const { act(at_step_end, event); }
  void on_eval_step_end(const hone::EvalStepEnd& event) const { act(at_eval_step_end, event); }
  void on_eval_epoch_end(const hone::EvalEpochEnd& event) const { act(at_eval_end, event); }

 private:
  static void act(const Act& what, const hone::Event& event) {
    if (what) what(event.run);
  }
};

Data dataset(std::int64_t samples = 16) {
  const auto inputs = torch::arange(samples * 3, at::kDouble).cos().reshape({samples, 3});
  return {inputs, inputs.sum(1, true)};
}

auto trainer_of(const hone::Gloo& group, const Probe& probe, const hone::EarlyStopping& early = {.patience = 1000},
                const hone::LimitBatches& limit = {}) {
  torch::manual_seed(1);
  torch::nn::Linear model(3, 1);
  model->to(at::kDouble);
  return hone::Trainer{model,
                       torch::nn::MSELoss(),
                       hone::Sgd{.lr = 0.1},
                       hone::GradAccum{1},
                       probe,
                       early,
                       hone::TerminateOnNaN{},
                       hone::StopOnSignal{},
                       limit,
                       hone::Ddp{group}};
}

hone::Gloo group(const hone::Placement& placement) { return hone::Gloo{.placement = placement, .timeout = 20s}; }

hone::TrainOptions options() { return {.num_epochs = 3, .per_device_batch_size = 2, .seed = 3}; }

/// Checks the number of updates and the stop reason, and that all ranks have the same weights.
void check_end(auto& trainer, std::int64_t num_updates, const std::string& reason) {
  CHECK(trainer.run().num_updates() == num_updates);
  CHECK(trainer.run().history().stop_reason() == reason);
  const auto weights = trainer.distribution().all_gather(trainer.model()->weight.detach());
  CHECK(torch::equal(weights[0], weights[1]));
}

TEST_CASE("a stop request on one rank stops all ranks after the same update") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    const auto processes = group(placement);
    const bool asks = placement.rank == 1;
    const auto stop_at = [&](std::int64_t update, bool before_update = false) -> Act {
      if (!asks) return {};
      return [=](hone::Run& run) {
        if (run.num_updates() != update) return;
        before_update ? run.request_stop_before_update("mine") : run.request_stop("mine");
      };
    };
    {
      INFO("after a step: with the next update");
      auto trainer = trainer_of(processes, {.at_step_end = stop_at(2)});
      trainer.train(dataset(), dataset(6), options());
      check_end(trainer, 3, "mine (rank 1)");
      CHECK(trainer.run().num_epochs() == 1);
    }
    {
      INFO("at a loss: with this update");
      auto trainer = trainer_of(processes, {.at_loss = stop_at(2)});
      trainer.train(dataset(), dataset(6), options());
      check_end(trainer, 3, "mine (rank 1)");
    }
    {
      INFO("in a window: with its update");
      auto trainer = trainer_of(processes, {.at_loss = stop_at(1)});
      trainer.accumulation() = hone::GradAccum{2};
      trainer.train(dataset(), dataset(6), options());
      check_end(trainer, 2, "mine (rank 1)");
      CHECK(trainer.run().history().values("train_loss_epoch").size() == 1);
    }
    {
      INFO("before the update: nobody's weights move");
      auto two = trainer_of(processes, {});
      auto limited = options();
      limited.max_updates = 2;
      two.train(dataset(), dataset(6), limited);
      auto trainer = trainer_of(processes, {.at_loss = stop_at(2, true)});
      trainer.train(dataset(), dataset(6), options());
      check_end(trainer, 2, "mine (rank 1)");
      CHECK(torch::equal(trainer.model()->weight, two.model()->weight));
      auto later = trainer_of(processes, {.at_gradients = stop_at(2, true)});
      later.train(dataset(), dataset(6), options());
      check_end(later, 2, "mine (rank 1)");
      CHECK(torch::equal(later.model()->weight, two.model()->weight));
    }
    {
      INFO("at the gradients: with this update");
      auto trainer = trainer_of(processes, {.at_gradients = stop_at(2)});
      trainer.train(dataset(), dataset(6), options());
      check_end(trainer, 3, "mine (rank 1)");
    }
    {
      INFO("at the end of an evaluation");
      auto trainer = trainer_of(processes, {.at_eval_end = stop_at(4)});
      trainer.train(dataset(), dataset(6), options());
      check_end(trainer, 4, "mine (rank 1)");
    }
    {
      INFO("in a run that only evaluates");
      auto trainer = trainer_of(processes, {.at_eval_step_end = stop_at(0)});
      const auto history = trainer.evaluate(dataset(9), {.per_device_batch_size = 2});
      CHECK(history.stop_reason() == "mine (rank 1)");
      CHECK(history.contains("evaluation_loss"));
    }
    {
      INFO("all ask");
      auto trainer = trainer_of(processes, {.at_loss = [](hone::Run& run) { run.request_stop("ours"); }});
      trainer.train(dataset(), dataset(6), options());
      check_end(trainer, 1, "ours");
    }
  });
}

TEST_CASE("callbacks that request a stop on one rank stop all ranks") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    const auto processes = group(placement);
    {
      INFO("EarlyStopping");
      const Act record = [&](hone::Run& run) {
        const auto epoch = static_cast<double>(run.epoch());
        run.history().record("mine", placement.rank == 0 ? -epoch : epoch, hone::Phase::eval);
      };
      auto trainer = trainer_of(processes, {.at_eval_end = record}, {.patience = 1, .watch_metric = "mine"});
      trainer.train(dataset(), dataset(6), options());
      check_end(trainer, 8, "Stopping training due to no improvement after 1 epochs (rank 1)");
    }
    {
      INFO("TerminateOnNaN");
      const auto data = dataset();
      std::get<0>(data.tensors())[11] = std::numeric_limits<double>::quiet_NaN();  // on rank 1, in the third batch
      auto ordered = options();
      ordered.shuffle = false;
      auto trainer = trainer_of(processes, {});
      trainer.train(data, dataset(6), ordered);
      check_end(
          trainer, 2,
          "Stopping training due to NaN loss in batch 3 of training epoch 1; that batch has not changed the weights. "
          "Lower the learning rate, clip the gradients, or check the data for NaN and infinite values. (rank 1)");
      CHECK(trainer.model()->weight.isfinite().all().template item<bool>());
    }
    {
      INFO("a limit of time");
      auto limited = options();
      limited.max_time = 1e-9s;
      auto trainer = trainer_of(processes, {});
      trainer.train(dataset(), dataset(6), limited);
      check_end(trainer, trainer.run().num_updates(), "Reached max_time = 1e-09 s");
      CHECK(trainer.run().num_updates() <= 2);
    }
    {
      INFO("StopOnSignal");
      const Act raise = [&](hone::Run& run) {
        if (placement.rank == 1 && run.num_updates() == 2) std::raise(SIGTERM);
      };
      auto trainer = trainer_of(processes, {.at_loss = raise});
      trainer.train(dataset(), dataset(6), options());
      check_end(trainer, 3, "Signal 15 (Terminated) (rank 1)");
    }
    {
      INFO("held back, and asked for again and again");
      const Act ask = [&](hone::Run& run) {
        if (placement.rank == 1 && run.num_updates() >= 2) run.request_stop("again");
      };
      auto held = options();
      held.min_updates = 6;
      auto trainer = trainer_of(processes, {.at_loss = ask});
      trainer.train(dataset(), dataset(6), held);
      check_end(trainer, 6, "again (rank 1)");
    }
    {
      INFO("LimitBatches");
      auto trainer = trainer_of(processes, {}, {.patience = 1000}, {.num_batches = 3});
      trainer.train(dataset(), dataset(6), options());
      CHECK(trainer.run().num_updates() == 9);
    }
  });
}

TEST_CASE("train throws on every rank if the ranks have different LimitBatches") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    auto trainer = trainer_of(group(placement), {}, {}, {.num_batches = 3 + placement.rank});
    CHECK_THROWS_WITH(trainer.train(dataset(), dataset(6), options()),
                      Catch::StartsWith("The processes disagree on the run's options: rank 0 has the training batches "
                                        "per epoch = 3, rank 1 has the training batches per epoch "
                                        "= 4."));
  });
}

TEST_CASE("find_learning_rate runs on all ranks together, and find_batch_size throws with several ranks") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    auto trainer = trainer_of(group(placement), {});
    const auto before = trainer.model()->weight.detach().clone();
    const auto sweep = hone::find_learning_rate(
        trainer, dataset(),
        {.start_lr = 1e-4, .end_lr = 0.1, .num_updates = 20, .per_device_batch_size = 4, .seed = 4});
    CHECK(torch::equal(trainer.model()->weight, before));
    const auto losses = trainer.distribution().all_gather(torch::tensor(sweep.losses, at::kDouble));
    CHECK(torch::equal(losses[0], losses[1]));

    auto alone = trainer_of(hone::Gloo{.placement = {}}, {});
    const auto expected = hone::find_learning_rate(
        alone, dataset(), {.start_lr = 1e-4, .end_lr = 0.1, .num_updates = 20, .per_device_batch_size = 8, .seed = 4});
    REQUIRE(sweep.losses.size() == expected.losses.size());
    for (std::size_t i = 0; i < sweep.losses.size(); ++i) {
      CHECK(sweep.losses[i] == Approx(expected.losses[i]).epsilon(1e-12));
    }

    CHECK_THROWS_WITH(hone::find_batch_size(trainer, dataset()),
                      Catch::StartsWith("find_batch_size was called by 2 ranks"));
  });
}

}  // namespace

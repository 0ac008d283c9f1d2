// SPDX-License-Identifier: Apache-2.0
/// Tests of resuming distributed runs. With the same number of ranks, the result equals an uninterrupted run; with
/// another number, every sample is used once per epoch.
#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "hone/callbacks/early_stopping.hpp"
#include "hone/callbacks/metrics.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/metrics/mean_error.hpp"
#include "hone/optim/adam.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using at::Tensor;

/// The number of times that each sample was used for training, summed over ranks.
using Visits = hone::Shared<std::array<int, 128>>;

struct NetImpl : torch::nn::Module {
  explicit NetImpl(double p)
      : first(register_module("first", torch::nn::Linear(3, 8))),
        dropout(register_module("dropout", torch::nn::Dropout(p))),
        last(register_module("last", torch::nn::Linear(8, 1))) {}
  Tensor forward(const Tensor& x) { return last(dropout(torch::tanh(first(x)))); }
  torch::nn::Linear first;
  torch::nn::Dropout dropout;
  torch::nn::Linear last;
};
TORCH_MODULE(Net);

/// The first input of a sample is its index divided by 100.
hone::TensorDataset<std::pair<Tensor, Tensor>> dataset(std::int64_t samples) {
  const auto number = torch::arange(samples, at::kDouble);
  const auto inputs = torch::stack({number / 100.0, (number * 0.7).cos(), (number * 1.3).sin()}, 1);
  return {inputs, inputs.sum(1, true).sin()};
}

/// Counts visits, saves a training state at each resume point within an epoch, and stops after update `stop_after`.
struct Keep {
  fs::path folder;
  std::int64_t stop_after = -1;
  const Visits* visits = nullptr;

  [[nodiscard]] fs::path at(std::int64_t updates) const { return folder / (std::to_string(updates) + ".pt"); }
  void on_train_step_end(const auto& event) const {
    if (visits != nullptr) {
      const auto numbers = std::get<0>(event.batch).select(1, 0).mul(100.0).round().to(at::kLong);
      for (std::int64_t i = 0; i < numbers.numel(); ++i) {
        const auto number = static_cast<std::size_t>(numbers[i].template item<std::int64_t>());
        __atomic_fetch_add(&(**visits)[number], 1, __ATOMIC_SEQ_CST);
      }
    }
  }
  void on_train_loss(const auto& event) const {
    if (event.run.num_updates() + 1 == stop_after) event.run.request_stop("enough");
  }
  void on_resume_point(const auto& event) const {
    if (folder.empty() || event.run.batch() == 0 || (stop_after >= 0 && event.run.num_updates() > stop_after)) return;
    event.trainer.save_training_state(at(event.run.num_updates()));
  }
};

template <class... Processes>
auto trainer_of(double p, std::int64_t window, Keep keep, Processes... processes) {
  torch::manual_seed(11);
  Net net(p);
  net->to(at::kDouble);
  return hone::Trainer{net,
                       torch::nn::MSELoss(),
                       hone::AdamW{.lr = 1e-2},
                       hone::CosineLr{.total_updates = 60},
                       hone::GradAccum{window},
                       hone::Metrics{hone::MeanSquaredError{}}.in_training(),
                       hone::EarlyStopping{.patience = 2, .min_delta = 1e9, .watch_metric = "train_loss_epoch"},
                       std::move(keep),
                       std::move(processes)...};
}

hone::Gloo group(const hone::Placement& placement) { return hone::Gloo{.placement = placement, .timeout = 20s}; }

std::string weights_of(auto& trainer) { return hone::to_bytes(hone::state_dict(*trainer.model())); }

TEST_CASE("resume with the same number of ranks is exact after every update") {
  const TemporaryFolder folder, later;
  hone::require_ranks(2, 120s, [&](const hone::Placement& placement) {
    const auto processes = group(placement);
    for (const std::int64_t window : {1, 2}) {
      const auto data = dataset(27);  // 3 steps of 8 samples and one of 3
      const hone::TrainOptions options{.num_epochs = 5, .per_device_batch_size = 4, .seed = 5};
      const Keep keep{folder.path};
      auto whole = trainer_of(0.3, window, keep, hone::Ddp{processes});
      whole.train(data, dataset(7), options);
      CHECK(whole.run().num_epochs() == 3);  // stopped early
      const auto expected = weights_of(whole);
      const auto history = whole.run().history();
      for (std::int64_t update = 1; update <= whole.run().num_updates(); ++update) {
        INFO("window " << window << ", update " << update);
        if (!fs::exists(keep.at(update))) continue;  // the last update of an epoch
        auto part = trainer_of(0.3, window, Keep{later.path}, hone::Ddp{processes});
        torch::manual_seed(1000);
        part.resume(keep.at(update), data, dataset(7), options);
        CHECK((weights_of(part) == expected));
        CHECK((part.run().history() == history));
      }
    }
  });
}

using Data = hone::TensorDataset<std::pair<Tensor, Tensor>>;

TEST_CASE("a custom loop resumes on every rank from a file or from memory, also within an accumulation window") {
  const TemporaryFolder folder;
  hone::require_ranks(2, 60s, [&](const hone::Placement& placement) {
    const auto processes = group(placement);
    const auto own_loop = [](auto... distribution) {  // without callbacks that need a run
      torch::manual_seed(11);
      Net net(0.3);
      net->to(at::kDouble);
      return hone::Trainer{net,
                           torch::nn::MSELoss(),
                           hone::AdamW{.lr = 1e-2},
                           hone::CosineLr{.total_updates = 60},
                           hone::GradAccum{2},
                           std::move(distribution)...};
    };
    const auto make = [&] { return own_loop(hone::Ddp{processes}); };
    auto batches = hone::TensorLoader(dataset(24), {.batch_size = 2, .share = {placement.rank, 2}});
    const auto steps = [&](auto& trainer, int from, int to) {
      int i = 0;
      for (auto&& batch : batches) {
        if (i >= from && i < to) trainer.step(batch);
        ++i;
      }
    };
    auto trainer = make(), from_file = make(), from_memory = make();
    torch::manual_seed(100 + static_cast<std::uint64_t>(placement.rank));
    steps(trainer, 0, 3);
    trainer.save_training_state(folder / "state.pt");
    const auto kept = hone::cloned(trainer.training_state());
    steps(trainer, 3, 6);
    const auto expected = weights_of(trainer);
    from_file.load_training_state(folder / "state.pt");
    steps(from_file, 3, 6);
    CHECK((weights_of(from_file) == expected));
    from_memory.load_training_state(kept);
    steps(from_memory, 3, 6);
    CHECK((weights_of(from_memory) == expected));
    if (placement.rank == 1) {
      auto alone = own_loop();
      CHECK_THROWS_WITH(
          alone.load_training_state(folder / "state.pt"),
          Catch::Contains("It was saved by 2 processes in the middle of an accumulation window, but this run has 1."));
      CHECK_THROWS_WITH(alone.load_training_state(kept),
                        Catch::Contains("It is the state of rank 1, but this is rank 0."));
    }
  });
}

/// The results of a run: its weights, and the mean loss and error of each epoch.
hone::Dict learned_by(auto& trainer) {
  hone::List means;
  for (const auto* name : {"train_loss_epoch", "train_mean_squared_error_epoch"}) {
    for (const auto& record : trainer.run().history().values(name)) means.push_back(record.value);
  }
  return {{"weights", hone::state_dict(*trainer.model())}, {"means", std::move(means)}};
}

void check_learned(auto& trainer, const fs::path& expected) {
  const auto own = learned_by(trainer);
  const auto all = hone::read_checkpoint(expected);
  for (const auto& [name, value] : own.at("weights").template get<hone::Dict>()) {
    const auto difference = value.template get<Tensor>() - all.at("weights").at(name).template get<Tensor>();
    CHECK(difference.abs().max().template item<double>() <= 1e-12);
  }
  const auto means = own.at("means").items(), others = all.at("means").items();
  REQUIRE(means.size() == 6);
  for (std::size_t i = 0; i < means.size(); ++i) CHECK(means[i].number() == Approx(others[i].number()).epsilon(1e-12));
}

/// A run of 3 epochs that process groups of different sizes resume in turn.
struct EventForwarder {
  std::int64_t samples;
  TemporaryFolder folder = {};
  Visits visits = {};
  std::int64_t at = 0;

  /// Resumes with `n` ranks until update `stop_after`, or to the end if it is -1, and then calls `last(trainer)`.
  void run(int n, std::int64_t batch_size, std::int64_t stop_after, auto last) {
    const auto train = [&](auto& trainer) {
      hone::ResumeFrom source;
      if (at > 0) source = folder / (std::to_string(at) + ".pt");
      trainer.resume(source, dataset(samples), {.num_epochs = 3, .per_device_batch_size = batch_size, .seed = 5});
      if (stop_after > 0) CHECK(trainer.run().num_updates() == stop_after);
      last(trainer);
    };
    hone::require_ranks(n, 60s, [&](const hone::Placement& placement) {
      const Keep keep{folder.path, stop_after, &visits};
      if (n == 1) {
        auto trainer = trainer_of(0.0, 1, keep);
        train(trainer);
      } else {
        auto trainer = trainer_of(0.0, 1, keep, hone::Ddp{group(placement)});
        train(trainer);
      }
    });
    at = stop_after;
  }
  void run(int n, std::int64_t batch_size, std::int64_t stop_after) {
    run(n, batch_size, stop_after, [](const auto&) {});
  }
};

TEST_CASE("resume with another number of ranks and the same global batch size gives the same weights and losses") {
  EventForwarder alone{53}, relay{53};
  alone.run(1, 8, -1, [&](auto& trainer) { hone::write_checkpoint(alone.folder / "end.pt", learned_by(trainer)); });
  relay.run(4, 2, 2);
  relay.run(2, 4, 4);
  relay.run(2, 4, 5);  // resumes the same epoch again
  relay.run(1, 8, 9);
  relay.run(2, 4, 10);
  relay.run(4, 2, 16);
  relay.run(1, 8, -1, [&](auto& trainer) { check_learned(trainer, alone.folder / "end.pt"); });
  CHECK(*alone.visits == *relay.visits);
}

TEST_CASE("resume with another global batch size uses every sample exactly once per epoch") {
  for (const std::int64_t samples : {48, 50, 61}) {
    EventForwarder relay{samples};
    relay.run(3, 2, 2);
    relay.run(2, 5, 3);
    relay.run(4, 2, 4);
    relay.run(4, 1, 5);
    relay.run(1, 7, -1);
    for (std::int64_t i = 0; i < samples; ++i) CHECK((*relay.visits)[static_cast<std::size_t>(i)] == 3);
  }
}

TEST_CASE("resume throws on every rank if the ranks' training states have different positions") {
  EventForwarder relay{53};
  relay.run(2, 4, 2);
  hone::require_ranks(2, 60s, [&](const hone::Placement& placement) {
    auto trainer = trainer_of(0.0, 1, {}, hone::Ddp{group(placement)});
    const auto file = relay.folder / (placement.rank == 0 ? "2.pt" : "1.pt");
    CHECK_THROWS_WITH(
        trainer.resume(file, dataset(53), {.num_epochs = 3, .per_device_batch_size = 4}),
        "The processes disagree on the training state: rank 0 has one after 0 epochs, 2 updates and 2 batches of the "
        "next "
        "epoch, rank 1 has one after 0 epochs, 1 updates and 1 batches of the next epoch. Rank " +
            std::to_string(placement.rank) + " read it from " + file.string() +
            ". Pass the same file to every process, or folders with the same files.");
  });
}

TEST_CASE("resume within an epoch with another number of ranks throws if the range cannot be repartitioned") {
  EventForwarder relay{8};
  relay.run(2, 1, 2);
  hone::require_ranks(1, 60s, [&](const hone::Placement&) {
    auto trainer = trainer_of(0.0, 1, {});
    const std::vector<std::pair<Tensor, Tensor>> batches{dataset(4).tensors(), dataset(4).tensors()};
    CHECK_THROWS_WITH(
        trainer.resume(relay.folder / "2.pt", batches),
        Catch::StartsWith(
            "The run resumes in the middle of an epoch with 1 processes, but the state was saved with 2"));
  });
}

}  // namespace

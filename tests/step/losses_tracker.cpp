// SPDX-License-Identifier: Apache-2.0
#include "hone/step/losses_tracker.hpp"

#include <torch/torch.h>

#include <cmath>

#include "hone/checkpoint/archive.hpp"
#include "support/catch.hpp"

namespace {

struct Step {};
using Pair = decltype(hone::Losses{hone::loss_for<"a">(Step{}), hone::loss_for<"b">(Step{})});
using Tracker = hone::TrackerOf<hone::Cpu, Pair>;
static_assert(std::is_same_v<hone::TrackerOf<hone::Cpu, torch::nn::MSELoss>, hone::LossTracker<hone::Cpu>>);

torch::Tensor number(double value) { return torch::tensor(value); }

/// Two ranks; the other rank has these sums: total and count of each loss.
struct TwoRanks {
  using slot = hone::slots::Distribution;
  std::vector<double> peer;
  int num_calls = 0;

  static int rank() { return 0; }
  static int world_size() { return 2; }
  void all_reduce_sum(const at::Tensor& values) {
    ++num_calls;
    values.add_(torch::tensor(peer, at::kDouble));
  }
};

}  // namespace

TEST_CASE("a rank without a loss participates in the single all-reduce of all losses") {
  TwoRanks ranks{{6.0, 2.0, 0.0, 0.0, 0.0, 0.0}};
  Tracker tracker;
  CHECK(tracker.mean(ranks) == 3.0);
  CHECK(ranks.num_calls == 1);
  hone::RunHistory history;
  hone::record_loss(tracker, history, "train_loss_epoch", 3.0, hone::Phase::train);
  CHECK(history.latest("train_a_loss_epoch").value() == 3.0);
  CHECK_FALSE(history.latest("train_b_loss_epoch"));
  tracker.add(0, number(6.0), 2);
  tracker.add(1, number(0.5), 1);
  CHECK(tracker.mean(ranks) == 4.5 + 0.5);
  CHECK(ranks.num_calls == 2);
}

TEST_CASE("each loss has a mean over its own samples, and their sum is the sum of the means") {
  hone::SingleProcess alone;
  Tracker tracker;
  CHECK(std::isnan(tracker.mean(alone)));
  tracker.add(0, number(1.0), 1);
  tracker.add(0, number(4.0), 2);
  CHECK(tracker.mean(alone) == 3.0);  // of the losses that have samples
  tracker.add(1, number(0.5), 4);
  const double sum = tracker.mean(alone);
  CHECK(sum == 3.5);

  hone::RunHistory history;
  hone::record_loss(tracker, history, "train_loss_epoch", sum, hone::Phase::train);
  hone::record_loss(tracker, history, "evaluation_loss", sum, hone::Phase::evaluation);
  CHECK(history.latest("train_loss_epoch").value() == 3.5);
  CHECK(history.latest("train_a_loss_epoch").value() == 3.0);
  CHECK(history.latest("evaluation_b_loss").value() == 0.5);
  hone::record_loss(tracker, history, "validation", sum, hone::Phase::evaluation);
  CHECK(history.latest("validation_a").value() == 3.0);

  auto state = hone::cloned(hone::state_of(tracker));
  Tracker again;
  hone::load_state_of(again, state);
  again.add(1, number(3.0), 4);
  CHECK(again.mean(alone) == 3.0 + 1.75);
  again.reset();
  CHECK(std::isnan(again.mean(alone)));
}

TEST_CASE("a loss that was not computed is not recorded") {
  hone::SingleProcess alone;
  Tracker tracker;
  tracker.add(1, number(2.0), 1);
  hone::RunHistory history;
  hone::record_loss(tracker, history, "train_loss_epoch", tracker.mean(alone), hone::Phase::train);
  CHECK_FALSE(history.latest("train_a_loss_epoch"));
  CHECK(history.latest("train_b_loss_epoch").value() == 2.0);
}

TEST_CASE("the single loss of an override's output counts as the sum of the losses") {
  hone::SingleProcess alone;
  Tracker tracker;
  struct {
    torch::Tensor loss;
    std::int64_t batch_size;
  } own{number(1.5), 3};
  hone::add_loss(tracker, own);
  CHECK(tracker.mean(alone) == 1.5);
}

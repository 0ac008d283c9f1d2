// SPDX-License-Identifier: Apache-2.0
/// Tests of training in which a rank fails, is killed, hangs, is late, or has other settings than its peers: no rank
/// deadlocks, and the error on each remaining rank names the cause and the collective.
///
/// HONE_REPEAT=20 in the environment repeats the faults 20 times.
#include <torch/torch.h>

#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "hone/callbacks/straggler_detector.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using at::Tensor;
using Catch::Matchers::Contains;
using hone::Placement;
using Clock = std::chrono::steady_clock;
using Act = std::function<void()>;

int repeats() {
  const char* const text = std::getenv("HONE_REPEAT");
  return text == nullptr ? 1 : std::atoi(text);
}

/// The functions that a rank calls at these points of training.
struct Fault {
  Act in_forward{}, in_backward{}, in_loader{}, at_loss{}, at_step_end{}, at_resume_point{};
};

struct Shape {
  std::int64_t width = 16;
  bool is_swapped = false, is_frozen = false;
};

struct NetImpl : torch::nn::Module {
  explicit NetImpl(Shape shape = {}) : first(3, shape.width), second(shape.width, 1) {
    if (shape.is_swapped) {
      register_module("second", second);
      register_module("first", first);
    } else {
      register_module("first", first);
      register_module("second", second);
    }
    if (shape.is_frozen) first->bias.set_requires_grad(false);
    to(at::kDouble);
  }
  Tensor forward(const Tensor& inputs) {
    if (fault.in_forward) fault.in_forward();
    const auto hidden = torch::tanh(first(inputs));
    if (fault.in_backward && hidden.requires_grad()) {
      hidden.register_hook([this](const Tensor&) { fault.in_backward(); });  // during the second layer's all-reduce
    }
    return second(hidden);
  }
  torch::nn::Linear first, second;
  Fault fault{};
};
TORCH_MODULE(Net);

/// The first input of a sample is its index divided by 100.
struct Samples {
  std::size_t count = 96;
  Act before_each{};

  [[nodiscard]] std::size_t size() const { return count; }
  [[nodiscard]] std::pair<Tensor, Tensor> get(std::size_t i) const {
    if (before_each) before_each();
    const auto x = torch::tensor({static_cast<double>(i) / 100.0, std::cos(0.7 * double(i)), std::sin(1.3 * double(i))},
                                 at::kDouble);
    return {x, x.sum(0, /*keepdim=*/true).sin()};
  }
};

struct Probe {
  Fault fault{};
  fs::path folder{};
  std::function<void(const Tensor&, std::int64_t)> seen{};
  std::int64_t compare_every = 1'000'000;

  void on_train_loss(const hone::TrainLoss&) const { act(fault.at_loss); }
  void on_train_step_end(const auto& event) const {
    if (seen) seen(std::get<0>(event.batch), event.run.num_updates());
    act(fault.at_step_end);
  }
  void on_resume_point(const auto& event) const {
    if (folder.empty() || event.run.batch() == 0) return;
    act(fault.at_resume_point);
    event.trainer.save_training_state(folder / (hone::TrainingProgress{0, event.run.num_updates()}.name() + ".pt"));
  }

 private:
  static void act(const Act& what) {
    if (what) what();
  }
};

auto trainer_of(const hone::Gloo& group, const Probe& probe = {}, Shape shape = {}, double lr = 0.05,
                std::int64_t window = 1) {
  torch::manual_seed(1);
  Net net(shape);
  net->fault = probe.fault;
  return hone::Trainer{net,
                       torch::nn::MSELoss(),
                       hone::Sgd{.lr = lr},
                       hone::GradAccum{window},
                       probe,
                       hone::StragglerDetector{.ratio = 3.0, .every_n_batches = probe.compare_every},
                       hone::Ddp{group}};
}

hone::Gloo group(const Placement& placement, std::chrono::milliseconds timeout = 1s) {
  return hone::Gloo{.placement = placement, .timeout = timeout};
}

hone::TrainOptions options() { return {.num_epochs = 4, .per_device_batch_size = 2, .seed = 3}; }

double seconds(Clock::time_point since) { return std::chrono::duration<double>(Clock::now() - since).count(); }

/// Calls `what` on the fourth call, after the parameters were broadcast and the reducer has rebuilt its buckets.
Act the_fourth_time(Act what) {
  return [what = std::move(what), count = std::make_shared<int>(0)] {
    if (++*count == 4) what();
  };
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

/// The error that the remaining ranks are expected to throw.
struct Expected {
  std::string culprit;  ///< A part of each message.
  double within;        ///< The limit in seconds after the fault.
};

/// `fault` occurs on rank `victim` of three, on its fourth call; the other two ranks must throw the expected error. If
/// `others_wait` is above 0, they wait at that loss until this time after the fault.
void train_into(Fault fault, int victim, const Expected& expected, const hone::Doomed& doom,
                std::chrono::milliseconds timeout = 1s, std::chrono::milliseconds others_wait = 0ms) {
  for (int i = 0; i < repeats(); ++i) {
    hone::Shared<Clock::time_point> moment;
    hone::require_ranks(3, 20s,
                        [&](const Placement& placement) {
                          const auto all = group(placement, timeout);
                          Fault here;
                          if (placement.rank == victim) {
                            const auto marked = [&](const Act& act) {
                              return act ? the_fourth_time([&moment, act] {
                                *moment = Clock::now();
                                act();
                              })
                                         : Act{};
                            };
                            here = {marked(fault.in_forward), marked(fault.in_backward), marked(fault.in_loader),
                                    marked(fault.at_loss),    marked(fault.at_step_end), {}};
                          } else if (others_wait > 0ms) {
                            here.at_loss = the_fourth_time([&moment, others_wait] {
                              const auto has_waited = [&] {
                                return *moment != Clock::time_point() && Clock::now() > *moment + others_wait;
                              };
                              while (!has_waited()) std::this_thread::sleep_for(1ms);
                            });
                          }
                          auto trainer = trainer_of(all, {.fault = here});
                          try {
                            trainer.train(Samples{.before_each = here.in_loader}, options());
                            FAIL("It trained to the end.");
                          } catch (const hone::DistributedError& error) {
                            if (placement.rank == victim) throw;
                            CHECK_THAT(error.what(),
                                       Contains("Rank " + std::to_string(placement.rank) + " of 3 aborted the ") &&
                                           Contains(expected.culprit));
                            CHECK_THAT(error.what(), Contains("agreement on ") || Contains("all-reduce of gradients"));
                            CHECK(seconds(*moment) < expected.within);
                          }
                          CHECK(all.group.is_closed());
                        },
                        {doom});
  }
}

Act throws(const char* text) {
  return [text] { throw std::runtime_error(text); };
}

TEST_CASE("an exception on one rank is in the error of every other rank", "[faults]") {
  const Expected expected{"Rank 1 failed: out of luck.", 1.0};
  const hone::Doomed doom{.rank = 1, .message = "runtime_error: out of luck."};
  train_into({.in_forward = throws("out of luck.")}, 1, expected, doom, 20s);
  train_into({.in_backward = throws("out of luck.")}, 1, expected, doom, 20s);
  train_into({.in_loader = throws("out of luck.")}, 1, expected, doom, 20s);
  train_into({.at_loss = throws("out of luck.")}, 1, expected, doom, 20s);
  train_into({.at_step_end = throws("out of luck.")}, 0, {"Rank 0 failed: out of luck.", 1.0},
             {.rank = 0, .message = "runtime_error: out of luck."}, 20s);
}

TEST_CASE("a killed rank is named on the other ranks within 2 s", "[faults]") {
  const Expected expected{"rank 1 did not arrive and did not respond: killed or stopped", 2.0};
  const hone::Doomed doom{.rank = 1, .signal = SIGKILL};
  train_into({.in_forward = die}, 1, expected, doom, 20s);
  train_into({.in_backward = die}, 1, expected, doom, 20s);
  // Rank 1 dies in the all-reduce after the loss, before another rank has entered it.
  const Act in_collective = [] {
    std::thread([] {
      std::this_thread::sleep_for(200ms);
      die();
    }).detach();
  };
  train_into({.at_loss = in_collective}, 1, expected, doom, 20s, 400ms);
  train_into({.in_forward = die}, 0, {"rank 0, which hosts the store of the group, does not respond.", 2.0},
             {.rank = 0, .signal = SIGKILL}, 20s);
}

TEST_CASE("a rank that hangs is named on the other rank, and is terminated", "[faults]") {
  for (int i = 0; i < repeats(); ++i) {
    const auto outcome = hone::run_ranks(2, 20s, [&](const Placement& placement) {
      const auto all = group(placement);
      Fault fault;
      if (placement.rank == 1) {
        fault.in_forward = the_fourth_time([] {
          for (;;) ::pause();
        });
      }
      auto trainer = trainer_of(all, {.fault = fault});
      trainer.train(Samples{}, options());
    });
    CHECK_THAT(outcome[0].message,
               Contains("Rank 0 of 2 aborted the ") && Contains(": rank 1 did not arrive but did respond: "
                                                                "hanging, or later than the timeout of 1000 ms"));
    CHECK(outcome[0].seconds < 5.0);
    CHECK(outcome[1].exit_code == EXIT_FAILURE);
    CHECK_THAT(outcome[1].output, Contains("hone: rank 1 of 2 did not handle the failure of the process group within "
                                           "1000 ms and is terminated. Rank 0 waited in the "));
    CHECK(outcome[1].seconds < 5.0);
    if (!outcome[0].exception.starts_with("hone::DistributedError")) FAIL(outcome.text());
  }
}

TEST_CASE("a rank that is later than the timeout throws, and is named on the other ranks", "[faults]") {
  train_into({.in_forward = [] { std::this_thread::sleep_for(1900ms); }}, 1,
             {"rank 1 arrived too late: after the timeout of 1000 ms", 3.0},
             {.rank = 1, .message = "the other ranks had stopped waiting for this rank."});
}

TEST_CASE("a rank that is late by less than the timeout causes no error", "[faults]") {
  hone::require_ranks(2, 20s, [](const Placement& placement) {
    const auto all = group(placement, 3s);
    Fault fault;
    if (placement.rank == 1) fault.in_forward = the_fourth_time([] { std::this_thread::sleep_for(1s); });
    auto trainer = trainer_of(all, {.fault = fault});
    trainer.train(Samples{}, options());
    CHECK(trainer.run().num_updates() == 4 * 24);
    CHECK(all.group.all_gather_int64(1).size() == 2);
  });
}

TEST_CASE("StragglerDetector names the straggler on rank 0", "[faults]") {
  const auto outcome = hone::require_ranks(3, 20s, [](const Placement& placement) {
    Fault fault;
    if (placement.rank == 1) fault.in_forward = [] { std::this_thread::sleep_for(20ms); };
    auto trainer = trainer_of(group(placement, 10s), {.fault = fault, .compare_every = 5});
    trainer.train(Samples{}, {.num_epochs = 1, .per_device_batch_size = 2});
  });
  CHECK_THAT(outcome[0].output, Contains("Stragglers: rank 1 takes 2") && Contains("until batch 12 of epoch 1"));
  CHECK(outcome[1].output.empty());
}

TEST_CASE("ranks with different models or options throw within 2 s, with both values in the message", "[faults]") {
  struct Odds {
    const char* on;
    std::function<void(const hone::Gloo&)> train;
  };
  const auto at_odds = [](const std::string& on, const std::string& one, const std::string& other, auto train) {
    for (int i = 0; i < repeats(); ++i) {
      hone::require_ranks(2, 20s, [&](const Placement& placement) {
        const auto begin = Clock::now();
        std::string text = "It trained.";
        try {
          train(group(placement, 20s), placement.rank == 1);
        } catch (const hone::DistributedError& error) {
          text = error.what();
        }
        CHECK_THAT(text, Contains("The processes disagree on the " + on) && Contains("rank 0 has " + one) &&
                             Contains("rank 1 has " + other));
        CHECK(seconds(begin) < 2.0);
      });
    }
  };
  const auto of_model = [&](const std::string& one, const std::string& other, Shape shape) {
    at_odds("model's parameters", one, other, [=](const hone::Gloo& all, bool is_odd) {
      trainer_of(all, {}, is_odd ? shape : Shape{}).train(Samples{}, options());
    });
  };
  of_model("'first.weight' of Double [16, 3]", "'first.weight' of Double [8, 3]", {.width = 8});
  of_model("'first.weight'", "'second.weight'", {.is_swapped = true});
  of_model("'first.bias' of Double [16]", "'first.bias' of Double [16], frozen", {.is_frozen = true});

  const auto of_run = [&](const std::string& one, const std::string& other, auto change) {
    at_odds("run's options", one, other, [=](const hone::Gloo& all, bool is_odd) {
      Samples samples;
      auto how = options();
      double lr = 0.05;
      std::int64_t window = 1;
      if (is_odd) change(samples, how, lr, window);
      trainer_of(all, {}, {}, lr, window).train(samples, how);
    });
  };
  at_odds("run's options", "evaluation = none", "evaluation = by a loader", [](const hone::Gloo& all, bool is_odd) {
    auto trainer = trainer_of(all, {}, {}, 0.05, 1);
    is_odd ? trainer.train(Samples{}, Samples{8}, options()) : trainer.train(Samples{}, options());
  });
  using Options = hone::TrainOptions;
  using I = std::int64_t;
  of_run("the training batches per epoch = 24", "the training batches per epoch = 20",
         [](Samples& samples, Options&, double&, I&) { samples.count = 80; });
  of_run("per_device_batch_size = 2", "per_device_batch_size = 3",
         [](Samples&, Options& how, double&, I&) { how.per_device_batch_size = 3; });
  of_run("num_epochs = 4", "num_epochs = 5", [](Samples&, Options& how, double&, I&) { how.num_epochs = 5; });
  of_run("seed = 3", "seed = 4", [](Samples&, Options& how, double&, I&) { how.seed = 4; });
  of_run("learning rate of group 0 = 0.05", "learning rate of group 0 = 0.1",
         [](Samples&, Options&, double& lr, I&) { lr = 0.1; });
  of_run("num_batches_per_update = 1", "num_batches_per_update = 2",
         [](Samples&, Options&, double&, I& window) { window = 2; });
}

TEST_CASE("ranks that make different collective calls throw within 4 s, with both calls in the message", "[faults]") {
  using Call = std::function<void(const hone::ProcessGroup&)>;
  const auto differ = [](const Call& one, const std::string& first, const Call& other, const std::string& second) {
    hone::require_ranks(3, 20s, [&](const Placement& placement) {
      const auto all = group(placement, 20s);
      all.group.barrier();
      const auto begin = Clock::now();
      std::string text = "It returned.";
      try {
        (placement.rank == 1 ? one : other)(all);
      } catch (const hone::DistributedError& error) {
        text = error.what();
      }
      CHECK_THAT(text, Contains("Rank " + std::to_string(placement.rank) + " of 3 aborted the ") &&
                           Contains("make different collective calls") && Contains(first + " on rank 1") &&
                           (Contains(second + " on rank 0") || Contains(second + " on rank 2")));
      CHECK(seconds(begin) < 4.0);
      CHECK(all.group.is_closed());
    });
  };
  const auto sum_of = [](std::int64_t size) {
    return [size](const hone::ProcessGroup& all) { all.all_reduce(torch::ones({size}, at::kDouble)); };
  };
  differ([](const hone::ProcessGroup& all) { static_cast<void>(all.all_gather_strings("saves")); },
         "the all-gather of 2 Long elements", sum_of(1000), "the all-reduce of 1000 Double elements");
  differ(sum_of(2), "the all-reduce of 2 Double elements", sum_of(1000), "the all-reduce of 1000 Double elements");
  differ([](const hone::ProcessGroup& all) { all.broadcast(torch::ones({7}), 1); }, "the broadcast of 7 Float elements",
         [](const hone::ProcessGroup& all) { all.broadcast(torch::ones({9}), 1); },
         "the broadcast of 9 Float elements");
}

TEST_CASE("both ranks throw if one leaves a custom loop early and saves, with both calls in the message", "[faults]") {
  hone::require_ranks(2, 20s, [](const Placement& placement) {
    const TemporaryFolder folder;
    const auto all = group(placement, 20s);
    auto trainer = trainer_of(all);
    std::string text = "It returned.";
    try {
      for (int i = 0; i < (placement.rank == 0 ? 3 : 5); ++i) {
        trainer.step(std::pair{torch::ones({2, 3}, at::kDouble), torch::ones({2, 1}, at::kDouble)});
      }
      trainer.save_training_state(folder / "state.pt");
    } catch (const hone::DistributedError& error) {
      text = error.what();
    }
    CHECK_THAT(text, Contains("the ranks make different collective calls") && Contains("on rank 0") &&
                         Contains("on rank 1") && Contains("gather") && Contains("all-reduce"));
  });
}

TEST_CASE("an epoch ends on all ranks with the shortest range", "[faults]") {
  hone::require_ranks(3, 20s, [](const Placement& placement) {
    struct Batches {
      int count;
      struct Iterator {
        int at;
        std::pair<Tensor, Tensor> operator*() const {
          return {torch::ones({2, 3}, at::kDouble), torch::ones({2, 1}, at::kDouble)};
        }
        Iterator& operator++() { return ++at, *this; }
        bool operator!=(const Iterator& other) const { return at != other.at; }
      };
      [[nodiscard]] Iterator begin() const { return {0}; }
      [[nodiscard]] Iterator end() const { return {count}; }
    };
    const auto all = group(placement, 5s);
    auto trainer = trainer_of(all);
    trainer.train(Batches{placement.rank == 1 ? 3 : 5}, {.num_epochs = 2});
    CHECK(trainer.run().num_updates() == 6);
    const auto sums = all.group.all_gather_strings(std::to_string(trainer.model()->first->weight.sum().item<double>()));
    CHECK(sums[0] == sums[2]);
  });
}

/// The number of times that each sample was used in the step of each update, summed over ranks.
using Visits = hone::Shared<std::array<std::array<int, 96>, 64>>;

TEST_CASE("after one of four ranks is killed while saving, two ranks resume and no sample is missed", "[faults]") {
  for (int i = 0; i < repeats(); ++i) {
    const TemporaryFolder folder;
    const Visits before, after;
    const auto count = [](const Visits& visits) {
      return [&visits](const Tensor& inputs, std::int64_t updates) {
        for (std::int64_t row = 0; row < inputs.size(0); ++row) {
          const auto sample = static_cast<std::size_t>(std::lround(inputs[row][0].item<double>() * 100.0));
          __atomic_fetch_add(&(*visits)[static_cast<std::size_t>(updates)][sample], 1, __ATOMIC_SEQ_CST);
        }
      };
    };
    const int victim = i % 2 == 0 ? 0 : 2;  // rank 0 writes
    hone::require_ranks(4, 20s,
                        [&](const Placement& placement) {
                          Fault fault;
                          if (placement.rank == victim) {
                            fault.at_resume_point = [calls = std::make_shared<int>(0), i] {
                              if (++*calls != 7) return;
                              std::thread([i] {
                                std::this_thread::sleep_for(std::chrono::microseconds(300 * (i % 20)));
                                die();
                              }).detach();
                            };
                          }
                          const auto all = group(placement, 20s);
                          auto trainer =
                              trainer_of(all, {.fault = fault, .folder = folder.path, .seen = count(before)});
                          CHECK_THROWS_AS(trainer.train(Samples{}, options()), hone::DistributedError);
                        },
                        {{.rank = victim, .signal = SIGKILL}});
    const auto last = hone::latest_training_state(folder.path);
    REQUIRE(last.has_value());
    hone::require_ranks(2, 20s, [&](const Placement& placement) {
      const auto all = group(placement, 20s);
      auto trainer = trainer_of(all, {.seen = count(after)});
      auto how = options();
      how.num_epochs = 2;
      const auto history = trainer.resume(*last, Samples{}, how);
      CHECK(trainer.run().num_epochs() == 2);
      CHECK(history.at("train_loss_epoch") < 0.5);
    });
    const auto saved = static_cast<std::size_t>(hone::training_states_in(folder.path).back().place.num_updates);
    CHECK(saved >= 6);
    std::array<int, 96> first_epoch{};
    for (std::size_t update = 0; update < 64; ++update) {
      for (std::size_t sample = 0; sample < 96; ++sample) {
        if (update <= saved) first_epoch[sample] += (*before)[update][sample];
        first_epoch[sample] += (*after)[update][sample];
      }
    }
    for (const int visits : first_epoch) CHECK(visits == 2);  // once in each epoch
  }
}

TEST_CASE("the group, the trainer and the process can end in any order, without a crash or a delay", "[faults]") {
  for (int i = 0; i < repeats(); ++i) {
    hone::require_ranks(2, 20s, [](const Placement& placement) {  // the group ends before the trainer that uses it
      const auto begin = Clock::now();
      {
        const auto all = group(placement, 20s);
        auto trainer = trainer_of(all);
        trainer.train(Samples{}, options());
        all.group.shutdown();
        CHECK_THROWS_AS(trainer.train(Samples{}, options()), hone::DistributedError);
      }
      {  // the trainer is the last owner, without shutdown
        auto trainer = trainer_of(group(placement, 20s));
        trainer.train(Samples{}, options());
      }
      {  // after a step outside of a run
        auto trainer = trainer_of(group(placement, 20s));
        trainer.step(std::pair{torch::ones({2, 3}, at::kDouble), torch::ones({2, 1}, at::kDouble)});
      }
      CHECK(seconds(begin) < 5.0);
    });
    const auto outcome = hone::run_ranks(3, 20s, [](const Placement& placement) {
      Fault fault;
      if (placement.rank == 1) fault.at_loss = the_fourth_time([] { std::exit(7); });
      auto trainer = trainer_of(group(placement, 20s), {.fault = fault});
      trainer.train(Samples{}, options());
    });
    CHECK(outcome[1].exit_code == 7);
    for (const int rank : {0, 2})
      CHECK_THAT(outcome[rank].message, Contains("rank 1 did not arrive and did not respond"));
  }
}

}  // namespace

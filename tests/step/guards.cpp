// SPDX-License-Identifier: Apache-2.0
#include "hone/step/guards.hpp"

#include <torch/torch.h>

#include <cfenv>
#include <csignal>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "hone/callbacks/stop_on_signal.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/policies/denormals.hpp"
#include "hone/policies/threads.hpp"
#include "hone/precision/mixed.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

/// State of the thread and the process that a call of the trainer must not change.
struct Surroundings {
  int threads = at::get_num_threads();
  bool gradients = at::GradMode::is_enabled();
  bool autocast = at::autocast::is_autocast_enabled(at::kCPU);
  hone::FlushBits::Bits flush = hone::FlushBits::get();
  int rounding = std::fegetround();
  int traps = fegetexcept();
  at::Tensor generator = hone::generator_state();
  void (*terminate)(int) = handler_of(SIGTERM);
  void (*interrupt)(int) = handler_of(SIGINT);
  bool training = false;

  static void (*handler_of(int signal))(int) {
    struct sigaction action{};
    ::sigaction(signal, nullptr, &action);
    return action.sa_handler;
  }
  friend bool operator==(const Surroundings& a, const Surroundings& b) {
    return a.threads == b.threads && a.gradients == b.gradients && a.autocast == b.autocast && a.flush == b.flush &&
           a.rounding == b.rounding && a.traps == b.traps && a.generator.equal(b.generator) &&
           a.terminate == b.terminate && a.interrupt == b.interrupt && a.training == b.training;
  }
};

void host_handler(int) {}

/// Throws if `fails` is set.
struct FailsImpl : torch::nn::Module {
  tiny::Net net = register_module("net", tiny::Net());
  bool fails = false;
  torch::Tensor forward(const torch::Tensor& inputs) {
    if (fails) throw std::runtime_error("as asked");
    return net(inputs);
  }
};
TORCH_MODULE(Fails);

template <class... Policies>
void require_restored(Policies... policies) {
  Fails model;
  auto trainer = hone::Trainer{model, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, policies...};
  auto batch = tiny::batches(1)[0];
  const std::vector<std::pair<std::string, std::function<void()>>> calls = {
      {"step",
       [&] {
         if constexpr (!hone::CallbacksAmong<hone::detail::AsPolicy<Policies>...>::needs_run) trainer.step(batch);
       }},
      {"evaluate_batch", [&] { trainer.evaluate_batch(batch); }},
      {"predict", [&] { trainer.predict(tiny::dataset()); }},
      {"evaluate", [&] { trainer.evaluate(tiny::dataset()); }},
      {"train", [&] { trainer.train(tiny::dataset(), tiny::dataset(), {.shuffle = false}); }},
      {"train on batches", [&] { trainer.train(tiny::batches(2)); }},
      {"begin_run",
       [&] {
         auto run = trainer.begin_run({.max_updates = 2});
         run.step(batch);
         run.end();
       }},
      {"finish_window", [&] { trainer.finish_window(); }},
      {"checkpoint", [&] { static_cast<void>(trainer.checkpoint()); }},
  };
  for (const bool fails : {false, true}) {
    for (const auto& [name, call] : calls) {
      INFO(name << (fails ? ", throwing" : ""));
      model->fails = fails;
      Surroundings before;
      before.training = model->is_training();
      try {
        call();
      } catch (const std::runtime_error&) {
        CHECK(fails);
      }
      Surroundings after;
      after.training = model->is_training();
      CHECK((before == after));
    }
  }
}

}  // namespace

TEST_CASE("each call restores threads, denormal bits, rounding, traps, generators, signal handlers and modes") {
  const int threads = at::get_num_threads();
  const auto bits = hone::FlushBits::get();
  const auto terminate = std::signal(SIGTERM, &host_handler);
  at::set_num_threads(2);
  std::vector<hone::FlushBits::Bits> flush_settings = {0, hone::FlushBits::all};
#if defined(__SSE2__)
  flush_settings.insert(flush_settings.end(), {0x8000, 0x0040});  // FTZ only, DAZ only
#endif
  for (const auto flush : flush_settings) {
    hone::FlushBits::set(flush);
    require_restored();
    require_restored(hone::Threads{.num_threads = 1}, hone::StopOnSignal{}, hone::Bf16{});
  }
  std::fesetround(FE_UPWARD);
  feenableexcept(FE_DIVBYZERO);
  {
    const at::NoGradGuard no_gradients;
    require_restored(hone::KeepThreads{}, hone::KeepDenormals{});
  }
  fedisableexcept(FE_ALL_EXCEPT);
  std::fesetround(FE_TONEAREST);
  hone::FlushBits::set(bits);
  at::set_num_threads(threads);
  std::signal(SIGTERM, terminate);
}

TEST_CASE("ThreadGuard sets the number of threads during its lifetime, also if an exception ends it") {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  {
    const hone::ThreadGuard guard(1);
    CHECK(at::get_num_threads() == 1);
  }
  CHECK(at::get_num_threads() == 2);
  try {
    const hone::ThreadGuard guard(1);
    throw 1;
  } catch (int) {
  }
  CHECK(at::get_num_threads() == 2);
  at::set_num_threads(before);
}

TEST_CASE("ThreadGuard(0) does not change the number of threads") {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  {
    const hone::ThreadGuard guard(0);
    CHECK(at::get_num_threads() == 2);
    at::set_num_threads(3);
  }
  CHECK(at::get_num_threads() == 3);
  at::set_num_threads(before);
}

TEST_CASE("GeneratorGuard restores the state of the random generator") {
  at::manual_seed(3);
  const auto expected = at::rand({4});
  at::manual_seed(3);
  {
    const hone::GeneratorGuard guard(c10::kCPU);
    static_cast<void>(at::rand({9}));
  }
  CHECK(at::rand({4}).equal(expected));
}

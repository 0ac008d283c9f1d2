// SPDX-License-Identifier: Apache-2.0
/// Compares steps with several losses with hand-written loops.
#include "hone/step/objectives.hpp"

#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <ranges>
#include <string>
#include <vector>

#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/gan.hpp"
#include "support/models.hpp"

namespace {

using gan::Batch;
using gan::Gan;
using torch::Tensor;

constexpr std::int64_t num_samples = 22, batch_size = 4;

struct ByHand {
  std::int64_t accumulate = 1;
  double max_norm = 0.0;
  bool bf16 = false;
  double gamma = 1.0;  ///< The factor of the learning rates at each update.
  std::int64_t every = 1;
  std::int64_t num_epochs = 3;
  std::int64_t skipped = -1;  ///< The update, from 0, in which the generator does not learn.
};

void require_gradients(torch::nn::Module& module, bool on) {
  for (auto& parameter : module.parameters()) parameter.set_requires_grad(on);
}

/// The results of a loop as a user of LibTorch writes it.
struct Result {
  std::vector<Tensor> weights;
  std::vector<double> discriminator_losses, generator_losses;  ///< Means over each epoch.
};
Result by_hand(const ByHand& how) {
  Gan model;
  auto &d = *model->discriminator, &g = *model->generator;
  hone::FusedOptimizer<hone::Adam> g_optimizer(hone::named_parameters(g), {.lr = 0.02});
  hone::FusedOptimizer<hone::Sgd> d_optimizer(hone::named_parameters(d), {.lr = 0.05, .momentum = 0.9});
  const auto all = gan::dataset(num_samples).tensors();
  Result result;
  std::int64_t update = 0;
  for (std::int64_t epoch = 0; epoch < how.num_epochs; ++epoch) {
    const std::int64_t num_batches = (num_samples + batch_size - 1) / batch_size;
    double d_sum = 0.0, g_sum = 0.0, g_samples = 0.0;
    std::int64_t in_window = 0;
    for (std::int64_t i = 0; i < num_batches; ++i) {
      const auto end = std::min(num_samples, (i + 1) * batch_size);
      Batch batch{all.first.slice(0, i * batch_size, end), all.second.slice(0, i * batch_size, end)};
      const auto size = static_cast<double>(end - i * batch_size);
      ++in_window;
      const bool updates = in_window == how.accumulate || i + 1 == num_batches;
      const auto learn = [&](auto& loss_step, auto& own, auto& other, auto& optimizer, bool is_skipped) {
        require_gradients(other, false);
        Tensor loss;
        {
          if (how.bf16) {
            const hone::Autocast region(at::kCPU, at::kBFloat16);
            loss = loss_step(model, batch);
          } else {
            loss = loss_step(model, batch);
          }
        }
        (how.accumulate == 1 ? loss : loss * (1.0 / static_cast<double>(how.accumulate))).backward();
        require_gradients(other, true);
        if (updates && is_skipped) {
          optimizer.zero_grad();
        } else if (updates) {
          if (in_window != how.accumulate) {
            const torch::NoGradGuard no_gradients;
            for (auto& p : own.parameters()) {
              p.mutable_grad().mul_(static_cast<double>(how.accumulate) / static_cast<double>(in_window));
            }
          }
          if (how.max_norm > 0.0) torch::nn::utils::clip_grad_norm_(own.parameters(), how.max_norm);
          optimizer.step();
          optimizer.zero_grad();
        }
        return loss.template item<double>();
      };
      d_sum += size * learn(gan::discriminator_loss, d, g, d_optimizer, false);
      if ((update + 1) % how.every == 0) {
        g_sum += size * learn(gan::generator_loss, g, d, g_optimizer, update == how.skipped);
        g_samples += size;
      }
      if (!updates) continue;
      in_window = 0;
      ++update;
      d_optimizer.set_lr(0.05 * std::pow(how.gamma, static_cast<double>(update)));
      g_optimizer.set_lr(0.02 * std::pow(how.gamma, static_cast<double>(update)));
    }
    result.discriminator_losses.push_back(d_sum / num_samples);
    result.generator_losses.push_back(g_sum / g_samples);
  }
  result.weights = tiny::weights(model);
  return result;
}

template <class... Policies>
auto trainer(Policies... policies) {
  return hone::Trainer{Gan(), gan::losses(), gan::optimizers(), std::move(policies)...};
}

auto options(std::int64_t num_epochs = 3) {
  return hone::TrainOptions{.num_epochs = num_epochs, .per_device_batch_size = batch_size, .shuffle = false};
}

template <class Trainer>
void require_equal(Trainer trained, const ByHand& how) {
  const auto expected = by_hand(how);
  const auto history = trained.train(gan::dataset(num_samples), options(how.num_epochs));
  CHECK(tiny::equal(tiny::weights(trained.model()), expected.weights));
  const auto of = [&](const char* name) { return history.values(name); };
  REQUIRE(of("train_discriminator_loss_epoch").size() == expected.discriminator_losses.size());
  for (std::size_t i = 0; i < expected.discriminator_losses.size(); ++i) {
    const double d = of("train_discriminator_loss_epoch")[i].value, g = of("train_generator_loss_epoch")[i].value;
    CHECK(d == Approx(expected.discriminator_losses[i]).epsilon(1e-12));
    CHECK(g == Approx(expected.generator_losses[i]).epsilon(1e-12));
    CHECK(of("train_loss_epoch")[i].value == d + g);
  }
  for (const auto& parameter : trained.model()->parameters()) {
    CHECK(parameter.requires_grad());
    CHECK_FALSE(parameter.grad().defined());
  }
}

}  // namespace

TEST_CASE("a GAN trains to bitwise the same weights as a hand-written loop") {
  require_equal(trainer(), {});
  require_equal(trainer(hone::ClipNorm{.max_norm = 0.02}), {.max_norm = 0.02});
  require_equal(trainer(hone::GradAccum<4>{}, hone::ClipNorm{.max_norm = 0.02}), {.accumulate = 4, .max_norm = 0.02});
  require_equal(trainer(hone::Bf16{}, hone::ExponentialLr{.gamma = 0.8}), {.bf16 = true, .gamma = 0.8});
  require_equal(
      trainer(hone::GradAccum<3>{}, hone::ClipNorm{.max_norm = 0.05}, hone::Bf16{}, hone::ExponentialLr{.gamma = 0.8}),
      {.accumulate = 3, .max_norm = 0.05, .bf16 = true, .gamma = 0.8});
}

TEST_CASE("a loss with `every = n` is computed for every n-th update") {
  require_equal(hone::Trainer{Gan(), gan::losses({.every = 2}), gan::optimizers()}, {.every = 2});
  require_equal(hone::Trainer{Gan(), gan::losses({.every = 2}), gan::optimizers(), hone::GradAccum<2>{}},
                {.accumulate = 2, .every = 2});
  CHECK(tiny::message_of<std::invalid_argument>([] { gan::losses({.every = 0}); }) ==
        "The loss 'generator' has every = 0. Set it to 1 or greater.");
}

TEST_CASE("the short last window of an unsized range is averaged over its length") {
  std::vector<Batch> batches;
  const auto all = gan::dataset(12).tensors();
  for (std::int64_t i = 0; i < 3; ++i)
    batches.emplace_back(all.first.slice(0, i * 4, i * 4 + 4), all.second.slice(0, i * 4, i * 4 + 4));
  auto open = batches | std::views::filter([](const auto&) { return true; });
  auto a = trainer(hone::GradAccum<2>{}, hone::ClipNorm{.max_norm = 0.02});
  const auto history = a.train(open, {.num_epochs = 1});
  CHECK(history.num_updates() == 2);
  // The second window by hand, from the weights after the first.
  auto b = trainer(hone::GradAccum<2>{}, hone::ClipNorm{.max_norm = 0.02});
  b.train(std::vector<Batch>(batches.begin(), batches.begin() + 2), {.num_epochs = 1});
  auto model = b.model();
  std::vector<Tensor> gradients;
  for (int turn = 0; turn < 2; ++turn) {
    auto &own = turn == 0 ? model->discriminator : model->generator,
         &other = turn == 0 ? model->generator : model->discriminator;
    require_gradients(*other, false);
    ((turn == 0 ? gan::discriminator_loss(model, batches[2]) : gan::generator_loss(model, batches[2])) * 0.5)
        .backward();
    require_gradients(*other, true);
    for (auto& p : own->parameters()) p.mutable_grad() = p.grad() * 2.0;
    torch::nn::utils::clip_grad_norm_(own->parameters(), 0.02);
  }
  b.optimizer().step();
  CHECK(tiny::equal(tiny::weights(a.model()), tiny::weights(model)));
}

namespace {

struct Events {
  std::vector<std::string>* log;
  void on_train_loss(const auto& event) {
    log->push_back("loss " + std::string(event.objective));
    CHECK(event.output.loss.requires_grad());
  }
  void on_before_optimizer_step(const auto& event) {
    log->push_back("before " + std::string(event.objective));
    CHECK(event.clipped.template item<double>() > 0.0);
    CHECK(event.trainer.optimizer().gradients().size() == 4);  // of one optimizer only
  }
  void on_optimizer_step(const auto&) { log->push_back("step"); }
  void on_train_step_end(const auto& event) {
    const auto* d = event.output.template get<"discriminator">();
    const auto* g = event.output.template get<"generator">();
    REQUIRE((d && g));
    CHECK(torch::equal(event.output.loss, d->loss + g->loss));
    CHECK(event.output.batch_size == 4);
  }
};

/// Requests a stop before the update of a loss, in a batch of the first epoch, at one of two events.
struct StopsBefore {
  std::string objective;
  bool at_loss = true;
  std::int64_t batch = 0;
  int num_updates = 0;  ///< The calls of `on_optimizer_step`.

  void on_train_loss(const auto& event) const { stop(event, at_loss); }
  void on_before_optimizer_step(const auto& event) const { stop(event, !at_loss); }
  void on_optimizer_step(const hone::OptimizerStep&) { ++num_updates; }

 private:
  void stop(const auto& event, bool is_here) const {
    if (is_here && event.objective == objective && event.run.epoch() == 1 && event.run.batch() == batch) {
      event.run.request_stop_before_update("enough");
    }
  }
};

/// Stores a copy of the training state at every resume point.
struct KeepStates {
  std::vector<hone::Dict>* states;
  void on_resume_point(const auto& event) { states->push_back(hone::cloned(event.trainer.training_state())); }
};

/// Stops a run at the generator's loss in a batch that completes a window, resumes it, and compares the weights with a
/// loop in which that update of the generator is left out.
template <class Losses, class... Policies>
void require_counted_stop(const ByHand& how, std::int64_t batch, bool at_loss, const Losses& losses,
                          Policies... policies) {
  CAPTURE(batch, at_loss);
  std::vector<hone::Dict> states;
  const auto make = [&](std::int64_t stop_at) {
    return hone::Trainer{Gan(),
                         losses,
                         gan::optimizers(),
                         hone::ExponentialLr{.gamma = how.gamma},
                         policies...,
                         StopsBefore{"generator", at_loss, stop_at},
                         KeepStates{&states}};
  };
  auto stopped = make(batch);
  stopped.train(gan::dataset(num_samples), options(how.num_epochs));
  CHECK(stopped.run().stop_reason() == "enough");
  CHECK(stopped.run().num_updates() == how.skipped + 1);
  CHECK(stopped.callbacks().template get<StopsBefore>().num_updates == how.skipped + 1);
  CHECK(stopped.optimizer().template get<"discriminator">().num_updates() == how.skipped + 1);
  CHECK(stopped.optimizer().template get<"generator">().num_updates() <= how.skipped);
  CHECK(stopped.optimizer().lr(0) == Approx(0.02 * std::pow(how.gamma, static_cast<double>(how.skipped + 1))));
  CHECK_FALSE(tiny::has_gradients(stopped.model()));

  const auto state = states.back();
  auto resumed = make(-1);
  resumed.resume(state, gan::dataset(num_samples), options(how.num_epochs));
  CHECK(tiny::equal(tiny::weights(resumed.model()), by_hand(how).weights));
}

struct OwnSteps {
  std::vector<std::size_t>* sizes;
  void optimizer_step(auto& trainer) {
    sizes->push_back(trainer.optimizer().gradients().size());
    trainer.optimizer_step();
  }
};

struct Throws {
  void on_before_optimizer_step(const auto&) { throw std::runtime_error("from a callback"); }
};

struct ThrowsAtGenerator {
  void on_before_optimizer_step(const auto& event) const {
    if (event.objective == "generator") throw std::runtime_error("from a callback");
  }
};

/// The output of a loss step with a number of items.
struct Counted {
  Tensor loss;
  std::int64_t batch_size, num_items;
};

}  // namespace

TEST_CASE("events have the name of their loss") {
  std::vector<std::string> log;
  auto logged = trainer(hone::ClipNorm{.max_norm = 1.0}, Events{&log});
  const auto batch = gan::dataset(4).tensors();
  const auto output = logged.step(batch);
  CHECK(output.get<"generator">()->batch_size == 4);
  CHECK(log == std::vector<std::string>{"loss discriminator", "before discriminator", "loss generator",
                                        "before generator", "step"});
  CHECK(logged.run().num_updates() == 1);
}

TEST_CASE("request_stop_before_update at the first loss changes no weights, and the batch is no update") {
  for (const bool at_loss : {true, false}) {
    auto stopped = trainer(StopsBefore{"discriminator", at_loss, 2});
    stopped.train(gan::dataset(num_samples), options());
    auto limited = trainer();
    auto two_updates = options();
    two_updates.max_updates = 2;
    limited.train(gan::dataset(num_samples), two_updates);
    CHECK(tiny::equal(tiny::weights(stopped.model()), tiny::weights(limited.model())));
    CHECK(stopped.run().num_updates() == 2);
    CHECK(stopped.optimizer().get<"discriminator">().num_updates() == 2);
    CHECK_FALSE(tiny::has_gradients(stopped.model()));
  }
}

TEST_CASE("request_stop_before_update at a later loss skips its update, and the batch counts as an update") {
  for (const bool at_loss : {true, false}) {
    require_counted_stop({.gamma = 0.8, .skipped = 2}, 2, at_loss, gan::losses());
    require_counted_stop({.gamma = 0.8, .every = 2, .skipped = 1}, 1, at_loss, gan::losses({.every = 2}));
    require_counted_stop({.accumulate = 3, .max_norm = 0.02, .gamma = 0.8, .skipped = 0}, 2, at_loss, gan::losses(),
                         hone::GradAccum<3>{}, hone::ClipNorm{.max_norm = 0.02});
  }
}

TEST_CASE("request_stop_before_update within a window drops the gradients of all losses") {
  auto stopped = trainer(hone::GradAccum<3>{}, StopsBefore{"generator", true, 1});
  stopped.train(gan::dataset(num_samples), options());
  CHECK(stopped.run().num_updates() == 0);
  CHECK(tiny::equal(tiny::weights(stopped.model()), tiny::weights(Gan())));
  CHECK_FALSE(tiny::has_gradients(stopped.model()));
}

TEST_CASE("request_stop_before_update in finish_window counts the update of an earlier loss") {
  auto stopped = trainer(hone::GradAccum<2>{}, StopsBefore{"generator", false, 1});
  stopped.step(gan::dataset(4).tensors());
  stopped.finish_window();
  CHECK(stopped.run().num_updates() == 1);
  Gan fresh;
  CHECK(tiny::equal(tiny::weights(stopped.model()->generator), tiny::weights(fresh->generator)));
  CHECK_FALSE(tiny::equal(tiny::weights(stopped.model()->discriminator), tiny::weights(fresh->discriminator)));
  CHECK_FALSE(tiny::has_gradients(stopped.model()));
}

TEST_CASE("TerminateOnNaN keeps the weights of the loss that is NaN, and its mean") {
  bool is_bad = false;
  const auto generator_loss = [&](Gan& model, const Batch& batch) {
    return gan::generator_loss(model, batch) * (is_bad ? std::nan("") : 1.0);
  };
  hone::Trainer both{Gan(),
                     hone::Losses{hone::loss_for<"discriminator">(gan::discriminator_loss),
                                  hone::loss_for<"generator">(generator_loss)},
                     gan::optimizers(), hone::TerminateOnNaN{}};
  const auto batch = gan::dataset(4).tensors();
  both.step(batch);
  const auto generator = tiny::weights(both.model()->generator);
  is_bad = true;
  both.step(batch);
  CHECK(
      tiny::contains(std::string(both.run().stop_reason()), "that batch has not changed the weights of 'generator'."));
  CHECK(tiny::equal(tiny::weights(both.model()->generator), generator));
  CHECK(both.run().num_updates() == 2);
  CHECK(std::isfinite(both.mean_loss()));
  is_bad = false;
  both.step(batch);
  CHECK_FALSE(both.run().stop_requested());
  CHECK(both.run().num_updates() == 3);
}

TEST_CASE("after a later loss has thrown, the window is empty, and the batch counts as an update") {
  bool throws = false;
  const auto generator_loss = [&](Gan& model, const Batch& batch) {
    if (throws) throw std::runtime_error("from a loss");
    return gan::generator_loss(model, batch);
  };
  hone::Trainer both{Gan(),
                     hone::Losses{hone::loss_for<"discriminator">(gan::discriminator_loss),
                                  hone::loss_for<"generator">(generator_loss)},
                     gan::optimizers(), hone::GradAccum<2>{}};
  Gan alone;
  require_gradients(*alone->generator, false);
  hone::Trainer discriminator{
      alone, hone::Losses{hone::loss_for<"discriminator">(gan::discriminator_loss)},
      hone::Optimizers{hone::optimizer_for<"discriminator">(hone::Sgd{.lr = 0.05, .momentum = 0.9})},
      hone::GradAccum<2>{}};
  const auto all = gan::dataset(12).tensors();
  for (std::int64_t i = 0; i < 3; ++i) {
    const Batch batch{all.first.slice(0, i * 4, i * 4 + 4), all.second.slice(0, i * 4, i * 4 + 4)};
    throws = i == 1;
    if (throws) {
      CHECK_THROWS_AS(both.step(batch), std::runtime_error);
      CHECK(both.run().num_updates() == 1);
      CHECK_FALSE(tiny::has_gradients(both.model()));
    } else {
      both.step(batch);
    }
    discriminator.step(batch);
  }
  both.finish_window();
  discriminator.finish_window();
  CHECK(both.run().num_updates() == 2);
  CHECK(tiny::equal(tiny::weights(both.model()->discriminator), tiny::weights(alone->discriminator)));
}

TEST_CASE("after an exception in finish_window, the update of an earlier loss counts") {
  auto failing = trainer(hone::GradAccum<2>{}, ThrowsAtGenerator{});
  failing.step(gan::dataset(4).tensors());
  CHECK_THROWS_AS(failing.finish_window(), std::runtime_error);
  CHECK(failing.run().num_updates() == 1);
  CHECK_FALSE(tiny::has_gradients(failing.model()));
}

TEST_CASE("an override of optimizer_step is called for each optimizer") {
  std::vector<std::size_t> sizes;
  auto own = trainer(OwnSteps{&sizes});
  own.step(gan::dataset(4).tensors());
  auto plain = trainer();
  plain.step(gan::dataset(4).tensors());
  CHECK(sizes == std::vector<std::size_t>{4, 4});
  CHECK(tiny::equal(tiny::weights(own.model()), tiny::weights(plain.model())));
}

TEST_CASE("an exception in a step restores requires_grad of all parameters") {
  auto failing = trainer(Throws{});
  failing.model()->generator->parameters()[0].set_requires_grad(false);
  CHECK_THROWS_AS(failing.step(gan::dataset(4).tensors()), std::runtime_error);
  const auto parameters = failing.model()->parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) CHECK(parameters[i].requires_grad() == (i != 0));
  CHECK(failing.optimizer().collect_gradients().size() == 4);  // all optimizers are selected again
}

TEST_CASE("num_items weights the batches of an accumulation window") {
  const auto counted = [](const auto& loss) {
    return [loss](Gan& model, const Batch& batch) {
      const auto items = batch.first.size(0) * 3;
      return Counted{loss(model, batch), batch.first.size(0), items};
    };
  };
  const auto make = [](auto losses, auto... policies) {
    return hone::Trainer{Gan(), std::move(losses), gan::optimizers(), policies...};
  };
  auto windows = make(hone::Losses{hone::loss_for<"discriminator">(counted(gan::discriminator_loss)),
                                   hone::loss_for<"generator">(counted(gan::generator_loss))},
                      hone::GradAccum<2>{});
  const auto all = gan::dataset(6).tensors();
  windows.train(std::vector<Batch>{{all.first.slice(0, 0, 2), all.second.slice(0, 0, 2)},
                                   {all.first.slice(0, 2), all.second.slice(0, 2)}},
                {.num_epochs = 1});
  // The discriminator's update uses the mean over all six samples.
  auto whole = make(gan::losses());
  whole.train(std::vector<Batch>{all}, {.num_epochs = 1});
  CHECK(tiny::distance(tiny::weights(windows.model()->discriminator), tiny::weights(whole.model()->discriminator)) <
        1e-6);
}

TEST_CASE("an evaluation records each loss and their sum") {
  auto both = trainer();
  const auto history = both.train(gan::dataset(num_samples), gan::dataset(8), options(1));
  const torch::NoGradGuard no_gradients;
  const auto all = gan::dataset(8).tensors();
  auto& model = both.model();
  const double d = gan::discriminator_loss(model, all).item<double>(),
               g = gan::generator_loss(model, all).item<double>();
  CHECK(history.latest("eval_discriminator_loss_epoch").value() == Approx(d).epsilon(1e-6));
  CHECK(history.latest("eval_generator_loss_epoch").value() == Approx(g).epsilon(1e-6));
  CHECK(history.latest("eval_loss_epoch").value() == Approx(d + g).epsilon(1e-6));
  const auto evaluated = both.evaluate(gan::dataset(8));
  CHECK(evaluated.latest("evaluation_discriminator_loss").value() == Approx(d).epsilon(1e-6));
  CHECK(evaluated.latest("evaluation_loss").value() == Approx(d + g).epsilon(1e-6));
}

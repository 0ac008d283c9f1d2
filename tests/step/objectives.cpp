// SPDX-License-Identifier: Apache-2.0
/// Several losses in a step against loops that are written by hand.
#include "hone/step/objectives.hpp"

#include <torch/torch.h>

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
  double gamma = 1.0;  ///< Of the learning rates, with each update.
  std::int64_t every = 1;
  std::int64_t num_epochs = 3;
};

void require_gradients(torch::nn::Module& module, bool on) {
  for (auto& parameter : module.parameters()) parameter.set_requires_grad(on);
}

/// The loop as a user of LibTorch writes it.
struct Result {
  std::vector<Tensor> weights;
  std::vector<double> discriminator_losses, generator_losses;  ///< Means of epochs.
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
      const auto learn = [&](auto& loss_step, auto& own, auto& other, auto& optimizer) {
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
        if (updates) {
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
      d_sum += size * learn(gan::discriminator_loss, d, g, d_optimizer);
      if ((update + 1) % how.every == 0) {
        g_sum += size * learn(gan::generator_loss, g, d, g_optimizer);
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

TEST_CASE("a GAN is the loop written by hand, bit for bit") {
  require_equal(trainer(), {});
  require_equal(trainer(hone::ClipNorm{.max_norm = 0.02}), {.max_norm = 0.02});
  require_equal(trainer(hone::GradAccum<4>{}, hone::ClipNorm{.max_norm = 0.02}), {.accumulate = 4, .max_norm = 0.02});
  require_equal(trainer(hone::Bf16{}, hone::ExponentialLr{.gamma = 0.8}), {.bf16 = true, .gamma = 0.8});
  require_equal(
      trainer(hone::GradAccum<3>{}, hone::ClipNorm{.max_norm = 0.05}, hone::Bf16{}, hone::ExponentialLr{.gamma = 0.8}),
      {.accumulate = 3, .max_norm = 0.05, .bf16 = true, .gamma = 0.8});
}

TEST_CASE("a loss may be computed every few updates only") {
  require_equal(hone::Trainer{Gan(), gan::losses({.every = 2}), gan::optimizers()}, {.every = 2});
  require_equal(hone::Trainer{Gan(), gan::losses({.every = 2}), gan::optimizers(), hone::GradAccum<2>{}},
                {.accumulate = 2, .every = 2});
  CHECK(tiny::message_of<std::invalid_argument>([] { gan::losses({.every = 0}); }) ==
        "The loss 'generator' has every = 0. Give 1 or more updates.");
}

TEST_CASE("a window that ends early in a range of unknown length is the mean over its length") {
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
    CHECK(event.trainer.optimizer().gradients().size() == 4);  // of one optimizer
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

struct StopsAtGenerator {
  void on_train_loss(const auto& event) {
    if (event.objective == "generator") event.run.request_stop_before_update("enough");
  }
};

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

/// Returns a struct, with items.
struct Counted {
  Tensor loss;
  std::int64_t batch_size, num_items;
};

}  // namespace

TEST_CASE("events name the loss that they are about") {
  std::vector<std::string> log;
  auto logged = trainer(hone::ClipNorm{.max_norm = 1.0}, Events{&log});
  const auto batch = gan::dataset(4).tensors();
  const auto output = logged.step(batch);
  CHECK(output.get<"generator">()->batch_size == 4);
  CHECK(log == std::vector<std::string>{"loss discriminator", "before discriminator", "loss generator",
                                        "before generator", "step"});
  CHECK(logged.run().num_updates() == 1);
}

TEST_CASE("a stop before the update drops what is left of the batch") {
  auto stopped = trainer(StopsAtGenerator{});
  stopped.train(gan::dataset(8), options());
  Gan fresh;
  CHECK(tiny::equal(tiny::weights(stopped.model()->generator), tiny::weights(fresh->generator)));
  CHECK_FALSE(tiny::equal(tiny::weights(stopped.model()->discriminator), tiny::weights(fresh->discriminator)));
  CHECK(stopped.run().num_updates() == 0);
  CHECK_FALSE(tiny::has_gradients(stopped.model()));
}

TEST_CASE("overrides of the optimizer's step are called for each optimizer") {
  std::vector<std::size_t> sizes;
  auto own = trainer(OwnSteps{&sizes});
  own.step(gan::dataset(4).tensors());
  auto plain = trainer();
  plain.step(gan::dataset(4).tensors());
  CHECK(sizes == std::vector<std::size_t>{4, 4});
  CHECK(tiny::equal(tiny::weights(own.model()), tiny::weights(plain.model())));
}

TEST_CASE("an exception leaves all parameters as trainable as they were") {
  auto failing = trainer(Throws{});
  failing.model()->generator->parameters()[0].set_requires_grad(false);
  CHECK_THROWS_AS(failing.step(gan::dataset(4).tensors()), std::runtime_error);
  const auto parameters = failing.model()->parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) CHECK(parameters[i].requires_grad() == (i != 0));
  CHECK(failing.optimizer().collect_gradients().size() == 4);  // all optimizers are selected again
}

TEST_CASE("losses over items weigh the batches of a window by their items") {
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
  // The discriminator moves by the mean over all six samples.
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

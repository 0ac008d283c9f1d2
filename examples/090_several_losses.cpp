// SPDX-License-Identifier: Apache-2.0
/// A model with two inputs and two outputs, and a loss for each output. The losses are recorded by name, as means over
/// the samples of an epoch. They are summed on the device, without host synchronization in a step.
/* prints:
 * train_loss_epoch ... -> 0.0...
 * train_degrees_epoch ... -> 0.0...
 * train_rain_epoch ... -> 0.0...
 * eval_degrees_epoch ... -> 0.0...
 * the whole is its parts: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <boost/hana.hpp>
#include <cmath>
#include <hone/hone.hpp>

struct Days {
  torch::Tensor sky;      // [days, 4], measured
  torch::Tensor season;   // [days], an index
  torch::Tensor degrees;  // [days, 1], the first target
  torch::Tensor rain;     // [days, 1], the second: 0 or 1
};
BOOST_HANA_ADAPT_STRUCT(Days, sky, season, degrees, rain);

struct Forecast {
  torch::Tensor degrees, rain;
};
struct WeatherImpl : torch::nn::Module {
  torch::nn::Linear per_sky{4, 2};
  torch::nn::Embedding per_season{4, 2};
  WeatherImpl() {
    register_module("per_sky", per_sky);
    register_module("per_season", per_season);
  }
  Forecast forward(const torch::Tensor& sky, const torch::Tensor& season) {
    const auto both = per_sky(sky) + per_season(season);
    return {both.slice(1, 0, 1), both.slice(1, 1, 2)};
  }
};
TORCH_MODULE(Weather);

/// `loss` is minimized. Callbacks receive all members as `event.output`.
struct Losses {
  torch::Tensor loss;
  std::int64_t batch_size;
  torch::Tensor parts;  // [2]: degrees, rain
};

struct LossOfEach {
  double weight_of_rain = 0.5;
  Losses train_batch_loss(auto& trainer, const Days& days) {
    const Forecast forecast = trainer.model()->forward(days.sky, days.season);
    const auto degrees = torch::mse_loss(forecast.degrees, days.degrees);
    const auto rain = torch::binary_cross_entropy_with_logits(forecast.rain, days.rain);
    return {degrees + weight_of_rain * rain, days.sky.size(0), torch::stack({degrees.detach(), rain.detach()})};
  }
};

/// Records the mean of each part over the samples of an epoch. The sums stay on the device until the epoch ends.
struct RecordParts {
  torch::Tensor sums{};
  std::int64_t samples = 0;

  void on_train_epoch_start(const hone::TrainEpochStart&) { reset(); }
  void on_eval_epoch_start(const hone::EvalEpochStart&) { reset(); }
  void on_train_step_end(const auto& event) { add(event.output); }
  void on_eval_step_end(const auto& event) { add(event.output); }
  void on_train_epoch_end(const hone::TrainEpochEnd& event) { record(event.run, "train"); }
  void on_eval_epoch_end(const hone::EvalEpochEnd& event) { record(event.run, "eval"); }

 private:
  void reset() {
    sums = torch::Tensor();
    samples = 0;
  }
  void add(const Losses& output) {
    if (!sums.defined()) sums = torch::zeros_like(output.parts, torch::kDouble);
    sums.add_(output.parts, static_cast<double>(output.batch_size));
    samples += output.batch_size;
  }
  void record(hone::Run& run, const std::string& phase) const {
    const auto means = (sums / samples).cpu();  // host synchronization, once per epoch
    run.history().record(phase + "_degrees_epoch", means[0].item<double>(), run.phase());
    run.history().record(phase + "_rain_epoch", means[1].item<double>(), run.phase());
  }
};

int main() {
  torch::manual_seed(0);
  const auto days_of = [](std::int64_t count) {
    auto sky = torch::randn({count, 4});
    auto season = torch::randint(4, {count});
    return hone::TensorDataset{Days{sky, season, sky.slice(1, 0, 2).sum(1, true) + season.unsqueeze(1),
                                    (sky.slice(1, 2, 3) > 0).to(torch::kFloat)}};
  };
  auto days = days_of(500);  // not a multiple of the batch size: the last batch is smaller
  auto trainer = hone::Trainer{Weather{}, hone::NoLoss{}, hone::Adam{.lr = 0.1}, LossOfEach{}, RecordParts{}};
  const auto history =
      trainer.train(days, days_of(100), hone::TrainOptions{.num_epochs = 30, .per_device_batch_size = 32, .seed = 0});
  for (const auto* name : {"train_loss_epoch", "train_degrees_epoch", "train_rain_epoch", "eval_degrees_epoch"}) {
    const auto values = history.values(name);
    fmt::print("{} {:.2f} -> {:.3f}\n", name, values.front().value, values.back().value);
  }
  const double parts = history.at("train_degrees_epoch") + 0.5 * history.at("train_rain_epoch");
  fmt::print("the whole is its parts: {}\n", std::abs(parts - history.at("train_loss_epoch")) < 1e-6);
}

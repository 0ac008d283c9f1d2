// SPDX-License-Identifier: Apache-2.0
/// Tests of several losses with loss scaling, training states and checkpoints.
#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/hone.hpp"
#include "hone/tune/trial_run.hpp"
#include "support/catch.hpp"
#include "support/gan.hpp"
#include "support/models.hpp"

namespace {

using gan::Batch;
using gan::Gan;
using torch::Tensor;

struct KeepStates {
  std::vector<hone::Dict>* states;
  void on_resume_point(const auto& event) { states->push_back(hone::cloned(event.trainer.training_state())); }
};

std::string file_of(const hone::Dict& state) {
  const files::Folder folder;
  hone::write_checkpoint(folder / "state.pt", state);
  return files::read(folder / "state.pt");
}

/// Float32 with loss scaling, so that the values equal PyTorch's.
struct Scaled : hone::LossScaler {
  using slot = hone::slots::Precision;
  using LossScaler::LossScaler;
  static hone::NoScope region(c10::Device) { return {}; }
};
static_assert(hone::ScalesLoss<Scaled>);

struct TwoImpl : torch::nn::Module {
  Tensor a = register_parameter("a", torch::tensor({0.5, -1.0}));
  Tensor b = register_parameter("b", torch::tensor({1.5, 0.25}));
};
TORCH_MODULE(Two);

}  // namespace

TEST_CASE("a run with several losses resumes exactly from every batch") {
  const auto make = [](std::vector<hone::Dict>& states) {
    return hone::Trainer{Gan(),
                         gan::losses({.every = 2}),
                         gan::optimizers(),
                         hone::GradAccum<3>{},
                         hone::ClipNorm{.max_norm = 0.05},
                         hone::Fp16{hone::LossScaling{.init_scale = 1024.0, .growth_interval = 2}},
                         hone::ExponentialLr{.gamma = 0.8},
                         KeepStates{&states}};
  };
  auto data = gan::dataset(22);
  const hone::TrainOptions options{.num_epochs = 3, .per_device_batch_size = 4, .seed = 7};
  const auto eval_set = gan::dataset(8);
  std::vector<hone::Dict> states;
  auto trainer = make(states);
  const auto history = trainer.train(data, eval_set, options);
  const auto weights = tiny::weights(trainer.model());
  REQUIRE(states.size() == 3 * 7);
  const auto last = file_of(states.back());
  for (std::size_t i = 0; i < states.size(); ++i) {
    INFO("resume point " << i);
    std::vector<hone::Dict> later;
    auto resumed = make(later);
    const auto resumed_history = resumed.resume(states[i], data, eval_set, options);
    CHECK(tiny::equal(tiny::weights(resumed.model()), weights));
    CHECK((resumed_history == history));
    REQUIRE(later.size() == states.size() - 1 - i);
    if (!later.empty()) CHECK(file_of(later.back()) == last);
  }
}

TEST_CASE("a checkpoint has the state of each optimizer under its name") {
  const auto make = [] { return hone::Trainer{Gan(), gan::losses(), gan::optimizers()}; };
  const files::Folder folder;
  auto from = make();
  const auto batch = gan::dataset(4).tensors();
  from.step(batch);
  from.save_checkpoint(folder / "gan.pt");
  auto to = make();
  const auto state = to.load_checkpoint(folder / "gan.pt");
  CHECK(state.at("optimizer_state_dict")
            .at("generator")
            .at("state")
            .at(std::int64_t{0})
            .get<hone::Dict>()
            .contains("exp_avg"));
  CHECK(
      state.at("optimizer_state_dict").at("discriminator").at("param_groups").items()[0].at("momentum").get<double>() ==
      0.9);
  from.step(batch);
  to.step(batch);
  CHECK(tiny::equal(tiny::weights(from.model()), tiny::weights(to.model())));
}

TEST_CASE("losses share one scale, and each optimizer skips its overflowed updates, as with PyTorch's GradScaler") {
  auto a_loss = [](Two& model, const Tensor& x) { return (model->a * x).square().mean() + model->b.detach().sum(); };
  auto b_loss = [](Two& model, const Tensor& x) { return model->b.square().mean() * model->a.detach().sum() * x[1]; };
  hone::Trainer trainer{Two(), hone::Losses{hone::loss_for<"a">(a_loss), hone::loss_for<"b">(b_loss)},
                        hone::Optimizers{hone::optimizer_for<"a">(hone::Sgd{.lr = 0.1, .momentum = 0.9}),
                                         hone::optimizer_for<"b">(hone::Adam{.lr = 0.01})},
                        Scaled{hone::LossScaling{.init_scale = 0x1p100, .growth_interval = 2}}};
  // torch 2.11: scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100, growth_interval=2); for each batch, scale,
  // backward, unscale_ and step with SGD over a, then with Adam over b, then scaler.update(). In the second batch the
  // gradients of a overflow, in the fifth the gradients of both.
  const std::vector<std::vector<double>> expected{
      {0.44999998807907104, -0.6000000238418579, 1.5099999904632568, 0.25999999046325684, 1.2676506002282294e+30},
      {0.44999998807907104, -0.6000000238418579, 1.519331455230713, 0.269378662109375, 6.338253001141147e+29},
      {0.35999998450279236, -0.18000003695487976, 1.5226198434829712, 0.2724853754043579, 6.338253001141147e+29},
      {0.13499997556209564, 0.21599994599819183, 1.5285543203353882, 0.27837350964546204, 1.2676506002282294e+30},
      {0.13499997556209564, 0.21599994599819183, 1.5285543203353882, 0.27837350964546204, 6.338253001141147e+29},
      {-0.07087501883506775, 0.5669999122619629, 1.5306906700134277, 0.2803497910499573, 6.338253001141147e+29}};
  const float batches[][2] = {{1, 2}, {3e8F, 1}, {1, 1}, {2, -1}, {1e9F, 1e9F}, {0.5F, 0.5F}};
  for (std::size_t i = 0; i < 6; ++i) {
    trainer.step(torch::tensor({batches[i][0], batches[i][1]}));
    const auto values = torch::cat({trainer.model()->a, trainer.model()->b}).detach().to(torch::kDouble);
    for (std::int64_t k = 0; k < 4; ++k) {
      CHECK(values[k].item<double>() == Approx(expected[i][static_cast<std::size_t>(k)]).epsilon(1e-6));
    }
    CHECK(trainer.precision().scale() == expected[i][4]);
  }
  CHECK(trainer.precision().skipped() == 2);
}

TEST_CASE("PureBf16 keeps float32 master weights for each optimizer") {
  auto model = Gan();
  auto pure = hone::Trainer{model, gan::losses(), gan::optimizers(), hone::PureBf16{}};
  CHECK(model->parameters()[0].scalar_type() == at::kBFloat16);
  auto full = hone::Trainer{Gan(), gan::losses(), gan::optimizers()};
  const auto batch = gan::dataset(16).tensors();
  double first = 0.0;
  for (int i = 0; i < 20; ++i) {
    const auto output = pure.step(batch);
    full.step(batch);
    if (i == 0) first = output.get<"discriminator">()->loss.item<double>();
  }
  const auto masters = pure.optimizer().master_weights();
  REQUIRE(masters.size() == 8);
  CHECK(masters[0].scalar_type() == at::kFloat);
  const auto parameters = full.optimizer().parameters();
  for (std::size_t i = 0; i < masters.size(); ++i) CHECK((masters[i] - parameters[i]).abs().max().item<double>() < 0.1);
  CHECK(pure.step(batch).get<"discriminator">()->loss.item<double>() < first);
  CHECK(pure.checkpoint().at("model_state_dict").at("generator.0.weight").get<Tensor>().scalar_type() == at::kFloat);
}

TEST_CASE("a trial run with several losses restores the trainer, including an open accumulation window") {
  auto trainer = hone::Trainer{Gan(), gan::losses(), gan::optimizers(), hone::GradAccum<2>{}};
  trainer.step(gan::dataset(4).tensors());  // leaves a window open
  const auto weights = tiny::weights(trainer.model());
  std::vector<double> losses;
  hone::trial_run(
      trainer, gan::dataset(16), {.num_updates = 2, .per_device_batch_size = 4, .shuffle = false}, [](std::int64_t) {},
      [&](std::int64_t, double loss) {
        losses.push_back(loss);
        return true;
      });
  CHECK(losses.size() == 2);
  CHECK(losses[0] != losses[1]);
  CHECK(tiny::equal(tiny::weights(trainer.model()), weights));
  auto straight = hone::Trainer{Gan(), gan::losses(), gan::optimizers(), hone::GradAccum<2>{}};
  for (int i = 0; i < 2; ++i) straight.step(gan::dataset(4).tensors());
  trainer.step(gan::dataset(4).tensors());
  CHECK(tiny::equal(tiny::weights(trainer.model()), tiny::weights(straight.model())));
}

// SPDX-License-Identifier: Apache-2.0
#include "hone/precision/pure.hpp"

#include <torch/torch.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "hone/checkpoint/state_dict.hpp"
#include "hone/finetune/model_ema.hpp"
#include "hone/finetune/swa.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "hone/tune/trial_run.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;
using Loss = torch::nn::CrossEntropyLoss;

/// A network with floating-point buffers and an integer buffer.
struct NormedImpl : torch::nn::Module {
  Tensor forward(const Tensor& inputs) { return net(norm(inputs)); }
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(3));
  tiny::Net net = register_module("net", tiny::Net());
};
TORCH_MODULE(Normed);

TEST_CASE("Fp64 converts model, loss and batches to double, and keeps integer buffers") {
  Normed model, same;
  const Tensor handle = model->net->first->weight;
  const auto weights = torch::tensor({1.0F, 2.0F});
  using Options = torch::nn::CrossEntropyLossOptions;
  Loss loss(Options().weight(weights));
  auto trainer = hone::Trainer{model, loss, hone::AdamW{.lr = 0.05}, hone::ClipNorm{.max_norm = 0.2}, hone::Fp64{}};
  trainer.train(tiny::batches(5));
  CHECK(handle.is_same(model->net->first->weight));
  CHECK(handle.scalar_type() == at::kDouble);
  CHECK(model->norm->running_mean.scalar_type() == at::kDouble);
  CHECK(model->norm->num_batches_tracked.scalar_type() == at::kLong);
  CHECK(trainer.predict(tiny::batches(1)).scalar_type() == at::kDouble);

  for (const auto& tensor : same->parameters()) tensor.set_data(tensor.to(at::kDouble));
  for (const Tensor& tensor : {same->norm->running_mean, same->norm->running_var})
    tensor.set_data(tensor.to(at::kDouble));
  Loss same_loss(Options().weight(weights.to(at::kDouble)));
  hone::FusedOptimizer<hone::AdamW> optimizer{hone::named_parameters(same), {.lr = 0.05}};
  for (const auto& [inputs, target] : tiny::batches(5)) {
    same_loss(same(inputs.to(at::kDouble)), target).backward();
    hone::ClipNorm{.max_norm = 0.2}.clip(optimizer.collect_gradients());
    optimizer.step();
    optimizer.zero_grad();
  }
  CHECK(tiny::equal(tiny::weights(model), tiny::weights(same)));
  CHECK(torch::equal(model->norm->running_var, same->norm->running_var));
}

TEST_CASE("the state of an optimizer that has made steps is converted to the precision's format") {
  tiny::Net net;
  hone::FusedOptimizer<hone::AdamW> optimizer{hone::named_parameters(net), {.lr = 0.05}};
  torch::nn::functional::cross_entropy(net(tiny::inputs()), tiny::labels()).backward();
  optimizer.step();
  optimizer.zero_grad();
  const auto state = optimizer.state();
  auto trainer = hone::Trainer{net, Loss(), std::move(optimizer), hone::ClipNorm{.max_norm = 0.2}, hone::Fp64{}};
  const auto converted = trainer.optimizer().state()[0].fields.at(1).second;
  CHECK(converted.scalar_type() == at::kDouble);
  CHECK(torch::equal(converted, state[0].fields.at(1).second.to(at::kDouble)));
  trainer.step(tiny::batches(1)[0]);
}

/// A hand-written loop over 16-bit weights with float32 master weights: `num_windows` windows of two batches.
struct ByHand {
  std::vector<Tensor> weights, masters;

  ByHand(tiny::Net net, at::ScalarType format, int num_windows, bool scales) {
    hone::NamedParameters copies;
    for (const auto& [name, parameter] : hone::named_parameters(net)) {
      copies.push_back({name, parameter.detach().clone()});
      parameter.set_data(parameter.to(format));
    }
    hone::FusedOptimizer<hone::AdamW> optimizer{copies, {.lr = 0.01}};
    Tensor scale = torch::full({}, scales ? 65536.0 : 1.0), found_inf = torch::zeros({});
    Tensor growth_tracker = torch::zeros({}, at::kInt);
    const auto batches = tiny::batches(2 * num_windows);
    const auto parameters = net->parameters();
    for (std::size_t i = 0; i < batches.size(); ++i) {
      auto loss = torch::nn::functional::cross_entropy(net(batches[i].first.to(format)), batches[i].second) * 0.5;
      if (scales) loss = loss * scale;
      loss.backward();
      if (i % 2 == 0) continue;
      for (std::size_t p = 0; p < parameters.size(); ++p) {
        copies[p].value.mutable_grad() = parameters[p].grad().to(at::kFloat);
        parameters[p].mutable_grad().reset();
      }
      found_inf.zero_();
      if (scales) {
        at::_amp_foreach_non_finite_check_and_unscale_(optimizer.collect_gradients(), found_inf, scale.reciprocal());
      }
      hone::ClipNorm{.max_norm = 0.2}.clip(optimizer.collect_gradients());
      if (found_inf.item<float>() == 0.0F) optimizer.step();
      if (scales) at::_amp_update_scale_(scale, growth_tracker, found_inf, 2.0, 0.5, 2000);
      const torch::NoGradGuard no_gradients;
      for (std::size_t p = 0; p < parameters.size(); ++p) parameters[p].copy_(copies[p].value);
    }
    weights = tiny::weights(net);
    for (const auto& copy : copies) masters.push_back(copy.value);
  }
};

template <class Precision>
auto trainer_of(const tiny::Net& net) {
  return hone::Trainer{
      net, Loss(), hone::AdamW{.lr = 0.01}, Precision{}, hone::ClipNorm{.max_norm = 0.2}, hone::GradAccum<2>{}};
}
std::vector<Tensor> masters_of(auto& trainer) { return trainer.optimizer().master_weights().vec(); }
std::vector<Tensor> masters_rounded(auto& trainer) {
  auto masters = masters_of(trainer);
  for (std::size_t i = 0; i < masters.size(); ++i) {
    masters[i] = masters[i].to(trainer.optimizer().parameters()[i].scalar_type());
  }
  return masters;
}

template <class Precision>
void trains_as_by_hand(bool scales) {
  tiny::Net net, other;
  auto trainer = trainer_of<Precision>(net);
  trainer.train(tiny::batches(40));
  const ByHand expected(other, Precision::dtype, 20, scales);
  CHECK(tiny::equal(tiny::weights(net), expected.weights));
  CHECK(tiny::equal(masters_of(trainer), expected.masters));
  CHECK(net->parameters()[0].scalar_type() == Precision::dtype);
  CHECK(trainer.predict(tiny::batches(1)).scalar_type() == Precision::dtype);
  if constexpr (hone::ScalesLoss<Precision>) CHECK(trainer.precision().skipped() == 1);
}

TEST_CASE("PureBf16 and PureFp16 are bit-identical to a hand-written loop with master weights") {
  trains_as_by_hand<hone::PureBf16>(false);
  trains_as_by_hand<hone::PureFp16>(true);
}

TEST_CASE("checkpoints contain the float32 master weights, and a resumed run is bit-identical") {
  const auto batches = tiny::batches(12);
  const auto steps = [&](auto& trainer, std::size_t first, std::size_t end) {
    for (; first < end; ++first) trainer.step(batches[first]);
  };
  tiny::Net whole_net, first_net, second_net, third_net;
  auto whole = trainer_of<hone::PureBf16>(whole_net), first = trainer_of<hone::PureBf16>(first_net);
  auto second = trainer_of<hone::PureBf16>(second_net), third = trainer_of<hone::PureBf16>(third_net);
  steps(whole, 0, 12);
  steps(first, 0, 5);  // within an accumulation window
  const auto state = hone::cloned(first.training_state());
  const auto& weight = state.at("model_state_dict").at("first.weight").get<Tensor>();
  CHECK(weight.scalar_type() == at::kFloat);
  CHECK(torch::equal(weight, masters_of(first)[0]));
  CHECK(!torch::equal(weight, weight.to(at::kBFloat16).to(at::kFloat)));
  second.load_training_state(state);
  steps(second, 5, 12);
  CHECK(tiny::equal(masters_of(whole), masters_of(second)));
  CHECK(tiny::equal(tiny::weights(whole_net), tiny::weights(second_net)));

  third.load_checkpoint(first.checkpoint());
  CHECK(tiny::equal(masters_of(third), masters_of(first)));
  {
    const torch::NoGradGuard no_gradients;
    third_net->first->weight.fill_(0.5);  // as the evaluation of an average does
  }
  const auto written_to = third.checkpoint().at("model_state_dict");
  CHECK(torch::equal(written_to.at("first.weight").get<Tensor>(), third_net->first->weight));
  CHECK(written_to.at("first.bias").get<Tensor>().scalar_type() == at::kFloat);
}

/// Checks that a step with learning rate 0 after a run with `callback` changes no weight.
template <class Precision, class Callback>
void keeps_what_is_written(const Callback& callback) {
  tiny::Net net;
  hone::Trainer trainer{net, Loss(), hone::Sgd{.lr = 0.05}, Precision{}, callback};
  trainer.train(tiny::dataset(), {.num_epochs = 4, .per_device_batch_size = 4, .seed = 1});
  const auto written = tiny::weights(net);
  trainer.optimizer().set_lr(0.0);
  trainer.step(tiny::batches(1)[0]);
  CHECK(tiny::equal(tiny::weights(net), written));
  CHECK(tiny::equal(masters_rounded(trainer), written));
}

TEST_CASE("averaged weights that a callback leaves in the model are kept by the next step") {
  keeps_what_is_written<hone::PureBf16>(hone::Swa{});
  keeps_what_is_written<hone::PureFp16>(hone::Swa{});
  keeps_what_is_written<hone::PureBf16>(hone::ModelEma{.decay = 0.5, .apply_at_end = true});
}

TEST_CASE("an evaluation with averaged weights does not change the master weights") {
  const auto masters_after = [](auto... callbacks) {
    tiny::Net net;
    hone::Trainer trainer{net, Loss(), hone::Sgd{.lr = 0.01}, hone::PureBf16{}, std::move(callbacks)...};
    trainer.train(tiny::dataset(), tiny::dataset(8), {.num_epochs = 4, .seed = 1});
    return masters_of(trainer);
  };
  CHECK(tiny::equal(masters_after(hone::ModelEma{.decay = 0.5}), masters_after()));
}

TEST_CASE("load_state_dict into the model changes the master weights") {
  tiny::Net net;
  auto trainer = trainer_of<hone::PureBf16>(net);
  trainer.step(tiny::batches(1)[0]);
  trainer.step(tiny::batches(1)[0]);
  const hone::Value state = hone::cloned(hone::state_dict(*net));
  state.at("first.weight").get<Tensor>().fill_(0.25);
  hone::load_state_dict(*net, state);
  trainer.optimizer().set_lr(0.0);
  trainer.step(tiny::batches(1)[0]);
  trainer.step(tiny::batches(1)[0]);
  CHECK(net->first->weight.eq(0.25).all().item<bool>());
}

TEST_CASE("a trial run restores master weights and weights") {
  tiny::Net net;
  auto trainer = trainer_of<hone::PureBf16>(net);
  trainer.train(tiny::batches(4));
  std::vector<Tensor> masters;
  for (const auto& master : masters_of(trainer)) masters.push_back(master.clone());
  const auto weights = tiny::weights(net);
  hone::trial_run(trainer, tiny::batches(4), {.num_updates = 2}, [](auto) {}, [](auto, double) { return true; });
  CHECK(tiny::equal(masters_of(trainer), masters));
  CHECK(tiny::equal(tiny::weights(net), weights));
}

}  // namespace

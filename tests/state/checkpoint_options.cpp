// SPDX-License-Identifier: Apache-2.0
/// Tests of the options that select what a checkpoint contains and what is loaded.
#include "hone/state/checkpoint_options.hpp"

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/callbacks/save_best.hpp"
#include "hone/schedule/linear.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"

namespace optim = torch::optim;

namespace {

hone::TensorDataset<std::pair<at::Tensor, at::Tensor>> data() {
  const auto inputs = torch::arange(24.0).cos().to(torch::kFloat).reshape({8, 3});
  return {inputs, inputs.sum(1, true)};
}

torch::nn::Linear made_model() {
  torch::manual_seed(1);
  return torch::nn::Linear(3, 1);
}

std::shared_ptr<optim::Optimizer> chosen_at_run_time(const torch::nn::Linear& model, bool adam) {
  if (adam) return std::make_shared<optim::Adam>(model->parameters(), optim::AdamOptions(0.01));
  return std::make_shared<optim::SGD>(model->parameters(), optim::SGDOptions(0.01).momentum(0.9));
}

struct Own : optim::SGD {
  using SGD::SGD;
};

void train_epoch(auto& trainer) { trainer.train(data(), {.num_epochs = 1, .per_device_batch_size = 4, .seed = 3}); }

}  // namespace

TEST_CASE("by default everything is saved and loaded, and loading is strict") {
  const hone::CheckpointOptions save;
  CHECK((save.save_optimizer && save.save_scheduler && save.extra.empty()));
  const hone::LoadOptions load;
  CHECK((load.load_optimizer && load.load_scheduler && load.strict && load.prefix.empty()));
}

TEST_CASE("a trainer with an optimizer chosen at run time is saved and resumed") {
  for (const bool adam : {true, false}) {
    const files::Folder folder;
    const auto model = made_model(), other = made_model();
    hone::Trainer trainer{model, torch::nn::MSELoss{}, chosen_at_run_time(model, adam)};
    train_epoch(trainer);
    trainer.save_checkpoint(folder / "c.pt");
    trainer.save_training_state(folder / "s.pt");
    train_epoch(trainer);

    for (const auto* file : {"c.pt", "s.pt"}) {
      hone::Trainer resumed{other, torch::nn::MSELoss{}, chosen_at_run_time(other, adam)};
      resumed.load_checkpoint(folder / file);
      train_epoch(resumed);
      CHECK(torch::equal(other->weight, model->weight));
    }
    // The file is the same as with the static type.
    hone::Trainer typed{other, torch::nn::MSELoss{}, optim::Adam(other->parameters(), optim::AdamOptions(0.01))};
    const auto text = files::message([&] { typed.load_checkpoint(folder / "c.pt"); });
    CHECK((text == "no error") == adam);
  }
}

TEST_CASE("an optimizer whose state cannot be saved throws, unless save_optimizer is false") {
  const files::Folder folder;
  const auto model = made_model();
  hone::Trainer trainer{model, torch::nn::MSELoss{}, Own(model->parameters(), optim::SGDOptions(0.01)),
                        hone::SaveBest{.save_path = folder / "best.pt", .save_optimizer = false}};
  trainer.train(data(), data(), {.num_epochs = 2, .per_device_batch_size = 4});
  CHECK_FALSE(hone::read_checkpoint(folder / "best.pt").get<hone::Dict>().contains("optimizer_state_dict"));
  trainer.save_checkpoint(folder / "c.pt", {.save_optimizer = false});
  trainer.load_checkpoint(folder / "c.pt");
  const auto text = files::message<std::logic_error>([&] { trainer.save_checkpoint(folder / "d.pt", {.extra = {}}); });
  CHECK(files::contains(text, "This optimizer cannot be saved."));
  CHECK(files::contains(text, ".save_optimizer = false"));

  // The same applies to an unknown type at run time.
  hone::Trainer at_run_time{
      model, torch::nn::MSELoss{},
      std::shared_ptr<optim::Optimizer>(std::make_shared<Own>(model->parameters(), optim::SGDOptions(0.01)))};
  at_run_time.save_checkpoint(folder / "c.pt", {.save_optimizer = false});
  CHECK(files::contains(files::message<std::invalid_argument>([&] { at_run_time.save_checkpoint(folder / "c.pt"); }),
                        "Own, whose state hone cannot save"));
}

TEST_CASE("a second trainer with a shared optimizer starts its schedule from the initial learning rate") {
  const auto model = made_model();
  const auto shared = std::make_shared<optim::SGD>(model->parameters(), optim::SGDOptions(0.1));
  const auto rate = [&] { return shared->param_groups()[0].options().get_lr(); };
  hone::Trainer first{model, torch::nn::MSELoss{}, shared, hone::LinearLr{.start_factor = 1.0, .end_factor = 1e-5}};
  train_epoch(first);
  CHECK(rate() < 0.06);
  hone::Trainer second{model, torch::nn::MSELoss{}, std::ref(*shared), hone::LinearLr{.start_factor = 1.0}};
  CHECK(second.optimizer().base_lr(0) == 0.1);
  train_epoch(second);
  CHECK(rate() == 0.1);
}

TEST_CASE("a checkpoint of a wrapped model loads with the option `prefix`") {
  const files::Folder folder;
  const auto model = made_model();
  hone::Trainer trainer{model, torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}};
  hone::Dict wrapped;
  for (const auto& [key, value] : hone::state_dict(model))
    wrapped.set("module." + key.get<std::string>(), value.get<at::Tensor>() + 1);
  hone::write_checkpoint(folder / "ddp.pt", hone::Dict{{"model_state_dict", wrapped}});
  CHECK(files::contains(files::message([&] { trainer.load_checkpoint(folder / "ddp.pt"); }), ".prefix = \"module.\""));
  CHECK(files::contains(files::message([&] { trainer.load_checkpoint(folder / "ddp.pt", {.strict = false}); }),
                        ".prefix = \"module.\""));
  const auto before = model->bias.detach().clone();
  trainer.load_checkpoint(folder / "ddp.pt", {.prefix = "module."});
  CHECK(torch::equal(model->bias, before + 1));
}

TEST_CASE("load_checkpoint of a file with only weights throws with the remedy") {
  const files::Folder folder;
  const auto model = made_model();
  hone::Trainer trainer{model, torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}};
  hone::write_checkpoint(folder / "w.pt", hone::state_dict(model));
  CHECK(files::message([&] { trainer.load_checkpoint(folder / "w.pt"); }) ==
        (folder / "w.pt").string() +
            ": It has no 'model_state_dict', so it is not a checkpoint of a trainer. Load only the weights with "
            "hone::load_state_dict(model, hone::read_checkpoint(path)).");
}

TEST_CASE("a trainer with NoOptimizer is saved and loaded without an optimizer state") {
  const files::Folder folder;
  const auto model = made_model();
  hone::Trainer predictor{model, torch::nn::MSELoss{}, hone::NoOptimizer{}};
  predictor.save_checkpoint(folder / "c.pt");
  CHECK_FALSE(hone::read_checkpoint(folder / "c.pt").get<hone::Dict>().contains("optimizer_state_dict"));
  const auto before = model->weight.detach().clone();
  {
    const at::NoGradGuard no_grad;
    model->weight.zero_();
  }
  predictor.load_checkpoint(folder / "c.pt");
  CHECK(torch::equal(model->weight, before));
}

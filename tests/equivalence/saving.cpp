// SPDX-License-Identifier: Apache-2.0
// Tests of the callbacks that save, in complete runs.
#include <torch/torch.h>

#include <string>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/finetune/model_ema.hpp"
#include "hone/finetune/swa.hpp"
#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/temporary_folder.hpp"

namespace {

std::vector<torch::Tensor> weights_in(const std::filesystem::path& path) {
  std::vector<torch::Tensor> all;
  const auto state = hone::read_checkpoint(path);
  for (const auto& [name, value] : state.at("model_state_dict").get<hone::Dict>())
    all.push_back(value.get<at::Tensor>());
  return all;
}

bool equal(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) { return x.equal(y); });
}

}  // namespace

TEST_CASE("SaveBest restores the best model at the end of the run, and saves it") {
  const TemporaryFolder folder;
  tiny::Net model;
  std::vector<std::vector<torch::Tensor>> after_epoch;
  // The learning rate is far too high: the first epoch is the best.
  hone::Trainer trainer{
      model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 40.0},
      hone::on<hone::TrainEpochEnd>([&](const auto&) { after_epoch.push_back(tiny::weights(model)); }),
      hone::SaveBest{.save_path = folder / "models/best.pt"}};
  const auto history = trainer.train(tiny::dataset(), tiny::dataset(8), {.num_epochs = 4, .seed = 1});
  const auto losses = history.values("eval_loss_epoch");
  std::size_t best = 0;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (losses[i].value < losses[best].value) best = i;
  }
  REQUIRE(best < 3);
  CHECK(equal(tiny::weights(model), after_epoch[best]));
  CHECK(equal(weights_in(folder / "models/best.pt"), after_epoch[best]));
  CHECK(hone::read_checkpoint(folder / "models/best.pt").at("metric_value").number() == losses[best].value);
}

TEST_CASE("SaveBest within ModelEma saves the averaged weights") {
  const TemporaryFolder folder;
  tiny::Net model;
  hone::ModelEma ema{.decay = 0.5,
                     .callbacks = hone::CallbackSet{
                         hone::SaveBest{.save_path = folder / "ema.pt", .watch_metric = "ema_model_eval_loss_epoch"}}};
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, ema};
  trainer.train(tiny::dataset(), tiny::dataset(8), {.num_epochs = 1});
  const auto live = tiny::weights(model);
  ema.average().copy_to(model);
  CHECK(equal(weights_in(folder / "ema.pt"), tiny::weights(model)));
  CHECK_FALSE(equal(live, tiny::weights(model)));
}

TEST_CASE("SaveBest within an average does not change the trained model, unless load_saved_checkpoint is true") {
  const TemporaryFolder folder;
  const auto weights_after = [&](auto... callbacks) {
    torch::manual_seed(0);
    tiny::Net model;
    hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1, .momentum = 0.9},
                          std::move(callbacks)...};
    trainer.train(tiny::dataset(), tiny::dataset(8), {.num_epochs = 3, .seed = 1});
    return tiny::weights(model);
  };
  const auto plain = weights_after();
  const auto best = [&](const char* name, const char* metric) {
    return hone::SaveBest{.save_path = folder / name, .watch_metric = metric};
  };
  CHECK(equal(weights_after(hone::ModelEma{
                  .decay = 0.5, .callbacks = hone::CallbackSet{best("ema.pt", "ema_model_eval_loss_epoch")}}),
              plain));
  CHECK(equal(weights_after(hone::Swa{.evaluate = true,
                                      .apply_at_end = false,
                                      .callbacks = hone::CallbackSet{best("swa.pt", "swa_model_eval_loss_epoch")}}),
              plain));
  auto loads = best("ema.pt", "ema_model_eval_loss_epoch");
  loads.load_saved_checkpoint = true;
  CHECK(equal(weights_after(hone::ModelEma{.decay = 0.5, .callbacks = hone::CallbackSet{loads}}),
              weights_in(folder / "ema.pt")));
}

TEST_CASE("SaveBest within an average that is not evaluated saves at the end of each epoch") {
  const TemporaryFolder folder;
  tiny::Net model;
  hone::ModelEma ema{
      .decay = 0.5, .evaluate = false, .callbacks = hone::CallbackSet{hone::SaveBest{.save_path = folder / "ema.pt"}}};
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, ema};
  trainer.train(tiny::dataset(), {.num_epochs = 3});
  CHECK(hone::read_checkpoint(folder / "ema.pt").at("epoch").number() == 3);
  ema.average().copy_to(model);
  CHECK(equal(weights_in(folder / "ema.pt"), tiny::weights(model)));
}

TEST_CASE("SaveBest by an intermediate evaluation saves the weights that were evaluated") {
  const TemporaryFolder folder;
  tiny::Net model;
  std::vector<std::vector<torch::Tensor>> evaluated;
  hone::Trainer trainer{
      model,
      torch::nn::CrossEntropyLoss{},
      hone::Sgd{.lr = 0.1},
      hone::IntermediateEvaluation{.every_n_updates = 3},
      hone::on<hone::EvalEpochEnd>([&](const auto& event) {
        if (event.run.phase() == hone::Phase::intermediate_eval) {
          evaluated.push_back(tiny::weights(event.trainer.model()));
        }
      }),
      hone::SaveBest{
          .save_path = folder / "best.pt", .watch_metric = "intermediate_eval_loss", .load_saved_checkpoint = false}};
  const auto history =
      trainer.train(tiny::dataset(), tiny::dataset(8), {.num_epochs = 2, .per_device_batch_size = 3, .seed = 3});
  const auto losses = history.values("intermediate_eval_loss");
  REQUIRE(losses.size() == evaluated.size());
  REQUIRE(losses.size() >= 2);
  std::size_t best = 0;
  for (std::size_t i = 1; i < losses.size(); ++i) best = losses[i].value < losses[best].value ? i : best;
  CHECK(hone::read_checkpoint(folder / "best.pt").at("metric_value").number() == losses[best].value);
  CHECK(equal(weights_in(folder / "best.pt"), evaluated[best]));
}

TEST_CASE("a run that is resumed from a folder has the history and files of an uninterrupted run") {
  const TemporaryFolder whole, stopped;
  const auto run = [](const TemporaryFolder& folder, std::optional<std::int64_t> stop_after) {
    hone::Trainer trainer{tiny::Net(),
                          torch::nn::CrossEntropyLoss{},
                          hone::AdamW{.lr = 0.05},
                          hone::WsdLr{.warmup_updates = 1, .decay_phase_ratio = 0.3},
                          hone::SaveBest{.save_path = folder / "best.pt"},
                          hone::SaveTrainingState{.save_dir = folder.path, .save_every_n_updates = 2, .keep_last = 2},
                          hone::WsdCheckpoints{.save_dir = folder.path},
                          hone::on<hone::OptimizerStep>([stop_after](const auto& event) {
                            if (event.run.num_updates() == stop_after) event.run.request_stop("enough");
                          })};
    return trainer.resume(hone::latest_training_state(folder.path), tiny::dataset(), tiny::dataset(8),
                          {.num_epochs = 3, .per_device_batch_size = 3, .seed = 3});
  };
  const auto history = run(whole, std::nullopt);
  CHECK(run(stopped, 5).stop_reason() == "enough");
  CHECK(stopped.names() == std::vector<std::string>{"best.pt", "epoch_0_update_4.pt", "epoch_1_update_5.pt"});
  CHECK((run(stopped, std::nullopt) == history));
  CHECK(stopped.names() == whole.names());
  for (const auto& name : whole.names()) {
    INFO(name);
    CHECK(files::read(stopped / name) == files::read(whole / name));
  }
  CHECK(whole.names() == std::vector<std::string>{"best.pt", "checkpoint_12_wsd_post_decay.pt",
                                                  "checkpoint_9_wsd_pre_decay.pt", "epoch_2_update_12.pt",
                                                  "epoch_3_update_12.pt"});
}

// SPDX-License-Identifier: Apache-2.0
// The callbacks that save, in a real run.
#include <torch/torch.h>

#include <string>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/finetune/model_ema.hpp"
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

TEST_CASE("the best model is back in the trainer at the end, and in the file") {
  const TemporaryFolder folder;
  tiny::Net model;
  std::vector<std::vector<torch::Tensor>> after_epoch;
  // The learning rate is far too high: the first epoch is the best.
  hone::Trainer trainer{
      model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 40.0},
      hone::on<hone::TrainEpochEnd>([&](const auto&) { after_epoch.push_back(tiny::weights(model)); }),
      hone::SaveBest{.save_path = folder / "models/best.pt"}};
  const auto history = trainer.train(tiny::dataset(), {.num_epochs = 4, .eval_dataset = tiny::dataset(8), .seed = 1});
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

TEST_CASE("inside an average, the best average is saved") {
  const TemporaryFolder folder;
  tiny::Net model;
  hone::ModelEma ema{
      {.decay = 0.5},
      hone::SaveBest{
          .save_path = folder / "ema.pt", .watch_metric = "ema_model_eval_loss_epoch", .load_saved_checkpoint = false}};
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, ema};
  trainer.train(tiny::dataset(), {.num_epochs = 1, .eval_dataset = tiny::dataset(8)});
  const auto live = tiny::weights(model);
  ema.average().copy_to(model);
  CHECK(equal(weights_in(folder / "ema.pt"), tiny::weights(model)));
  CHECK_FALSE(equal(live, tiny::weights(model)));
}

TEST_CASE("from a folder a run goes on, and leaves the same files") {
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
    return trainer.train(tiny::dataset(), {.num_epochs = 3,
                                           .eval_dataset = tiny::dataset(8),
                                           .per_device_batch_size = 3,
                                           .seed = 3,
                                           .resume_from = hone::latest_training_state(folder.path)});
  };
  const auto history = run(whole, std::nullopt);
  CHECK(run(stopped, 5).stop_reason() == "enough");
  CHECK(stopped.names() == std::vector<std::string>{"best.pt", "epoch_0_step_4.pt", "epoch_1_step_5.pt"});
  CHECK((run(stopped, std::nullopt) == history));
  CHECK(stopped.names() == whole.names());
  for (const auto& name : whole.names()) {
    INFO(name);
    CHECK(files::read(stopped / name) == files::read(whole / name));
  }
  CHECK(whole.names() == std::vector<std::string>{"best.pt", "checkpoint_12_wsd_post_decay.pt",
                                                  "checkpoint_9_wsd_pre_decay.pt", "epoch_2_step_12.pt",
                                                  "epoch_3_step_12.pt"});
}

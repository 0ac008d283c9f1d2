// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/save_training_state.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/fake_saving.hpp"
#include "support/run_driver.hpp"
#include "support/temporary_folder.hpp"

namespace {

using Names = std::vector<std::string>;

/// A run whose events are those that a trainer sends.
struct Scene {
  hone::RunDriver driver{};
  fakes::Trainer trainer{};

  void start(auto& callback) {
    callback.on_training_run_start(fakes::EventContext<hone::TrainingRunStart>{{driver.run}, {trainer}});
  }
  void point(auto& callback, bool is_last) {
    callback.on_resume_point(fakes::EventContext<hone::ResumePoint>{{{driver.run}, is_last}, {trainer}});
  }
  void run(auto& callback, int epochs, int batches, int accumulation = 1, std::vector<double> losses = {}) {
    start(callback);
    for (int epoch = 1; epoch <= epochs; ++epoch) {
      for (int batch = 1; batch <= batches; ++batch) {
        if (batch % accumulation == 0) driver.set_num_updates(++trainer.at.num_updates);
        driver.set_batch(batch);
        point(callback, false);
      }
      if (!losses.empty()) {
        driver.run.history().record("eval_loss_epoch", losses[static_cast<std::size_t>(epoch - 1)], hone::Phase::eval);
      }
      driver.end_epoch();
      ++trainer.at.num_epochs;
      point(callback, epoch == epochs);
    }
    callback.on_training_run_end({{driver.run}});
  }
};

std::string refusal(auto&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("SaveTrainingState saves one state at the end by default") {
  const TemporaryFolder folder;
  hone::SaveTrainingState callback{.save_dir = folder / "states"};
  Scene().run(callback, 3, 4);
  CHECK(hone::latest_training_state(folder / "states") == folder / "states/epoch_3_update_12.pt");
  CHECK(hone::training_states_in(folder / "states").size() == 1);
}

TEST_CASE("SaveTrainingState saves nothing at the end if save_at_end is false") {
  const TemporaryFolder folder;
  hone::SaveTrainingState callback{.save_dir = folder.path, .save_at_end = false};
  Scene().run(callback, 3, 4);
  CHECK(folder.names().empty());
}

TEST_CASE("save_every_n_epochs saves after each n-th epoch") {
  const TemporaryFolder folder;
  hone::SaveTrainingState callback{.save_dir = folder.path, .save_every_n_epochs = 2, .save_at_end = false};
  Scene().run(callback, 5, 3);
  CHECK(folder.names() == Names{"epoch_2_update_6.pt", "epoch_4_update_12.pt"});
}

TEST_CASE("save_every_n_updates saves once for each n-th update, not for each of its batches") {
  const TemporaryFolder folder;
  hone::SaveTrainingState callback{.save_dir = folder.path, .save_every_n_updates = 3, .save_at_end = false};
  Scene scene;
  scene.run(callback, 1, 14, 2);
  CHECK(folder.names() == Names{"epoch_0_update_3.pt", "epoch_0_update_6.pt"});
  CHECK(scene.trainer.told.size() == 2);
}

TEST_CASE("keep_last keeps the latest states, also across restarts, and no other files are removed") {
  const TemporaryFolder folder;
  hone::SaveTrainingState callback{.save_dir = folder.path, .save_every_n_epochs = 1, .keep_last = 2};
  folder.touch("notes.txt");
  Scene scene;
  scene.run(callback, 4, 2);
  CHECK(folder.names() == Names{"epoch_3_update_6.pt", "epoch_4_update_8.pt", "notes.txt"});

  hone::SaveTrainingState restarted{.save_dir = folder.path, .save_every_n_epochs = 1, .keep_last = 2};
  scene.run(restarted, 1, 2);  // continues after the first run
  CHECK(folder.names() == Names{"epoch_4_update_8.pt", "epoch_5_update_10.pt", "notes.txt"});
}

TEST_CASE("states beyond keep_last that a killed process left are removed at the next start") {
  const TemporaryFolder folder;
  hone::SaveTrainingState callback{.save_dir = folder.path, .save_at_end = false, .keep_last = 2};
  for (const auto* name : {"epoch_0_update_1.pt", "epoch_0_update_2.pt", "epoch_1_update_3.pt"}) folder.touch(name);
  Scene scene;
  scene.trainer.at = {1, 3};
  scene.start(callback);
  CHECK(folder.names() == Names{"epoch_0_update_2.pt", "epoch_1_update_3.pt"});
}

TEST_CASE("keep_best keeps the best states in addition to the latest") {
  const TemporaryFolder folder;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  hone::SaveTrainingState callback{.save_dir = folder.path, .save_every_n_epochs = 1, .keep_last = 1, .keep_best = 2};
  Scene().run(callback, 6, 1, 1, {0.5, 0.25, 0.375, nan, 0.75, 1.0});
  CHECK(folder.names() == Names{"epoch_2_update_2_eval_loss_epoch=0.25.pt", "epoch_3_update_3_eval_loss_epoch=0.375.pt",
                                "epoch_6_update_6_eval_loss_epoch=1.pt"});

  const TemporaryFolder other;
  hone::SaveTrainingState greater{
      .save_dir = other.path, .save_every_n_epochs = 1, .keep_best = 1, .greater_is_better = true};
  Scene().run(greater, 4, 1, 1, {0.5, 2.5, 1e-20, 0.0});
  CHECK(other.names() == Names{"epoch_2_update_2_eval_loss_epoch=2.5.pt", "epoch_4_update_4_eval_loss_epoch=0.pt"});
}

TEST_CASE("keep_best throws for a metric that is never recorded") {
  const TemporaryFolder folder;
  hone::SaveTrainingState callback{.save_dir = folder.path, .keep_best = 2, .watch_metric = "eval_accuracy"};
  CHECK(refusal([&] { Scene().run(callback, 2, 1, 1, {0.5, 0.25}); }) ==
        "SaveTrainingState::watch_metric is `eval_accuracy`, which is not recorded. Recorded metrics: "
        "`eval_loss_epoch`. Watch one of them, put the callback that records it before this one, or pass an evaluation "
        "dataset to the run.");
  hone::SaveTrainingState all{.save_dir = folder / "all", .watch_metric = "eval_accuracy"};
  CHECK(refusal([&] { Scene().run(all, 2, 1, 1, {0.5, 0.25}); }) == "none");
}

TEST_CASE("keep_best prefers the oldest of equal values, by update number and not by file name") {
  const TemporaryFolder folder;
  hone::SaveTrainingState callback{.save_dir = folder.path, .save_every_n_epochs = 1, .keep_last = 1, .keep_best = 2};
  Scene().run(callback, 12, 1, 1, {2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2});
  CHECK(folder.names() == Names{"epoch_10_update_10_eval_loss_epoch=1.pt", "epoch_12_update_12_eval_loss_epoch=2.pt",
                                "epoch_9_update_9_eval_loss_epoch=1.pt"});
}

TEST_CASE("a state is named and ranked by a metric only if the metric was computed with the same weights") {
  const TemporaryFolder folder;
  hone::SaveTrainingState callback{.save_dir = folder.path,
                                   .save_every_n_updates = 2,
                                   .keep_last = 1,
                                   .keep_best = 1,
                                   .watch_metric = "intermediate_eval_loss"};
  Scene scene;
  scene.start(callback);
  for (int update = 1; update <= 8; ++update) {
    scene.driver.set_num_updates(++scene.trainer.at.num_updates);
    scene.driver.set_batch(update);
    if (update % 4 == 0) {
      scene.driver.run.history().record("intermediate_eval_loss", update, hone::Phase::intermediate_eval);
    }
    scene.point(callback, false);
    if (update == 6) {
      CHECK(folder.names() == Names{"epoch_0_update_4_intermediate_eval_loss=4.pt", "epoch_0_update_6.pt"});
    }
  }
  CHECK(folder.names() ==
        Names{"epoch_0_update_4_intermediate_eval_loss=4.pt", "epoch_0_update_8_intermediate_eval_loss=8.pt"});
}

TEST_CASE("a run that ends within an epoch is saved once") {
  const TemporaryFolder folder;
  hone::SaveTrainingState callback{.save_dir = folder.path, .save_every_n_epochs = 1};
  Scene scene;
  scene.start(callback);
  scene.driver.set_batch(1);
  scene.driver.set_num_updates(1);
  scene.trainer.at.num_updates = 1;
  scene.point(callback, true);
  scene.driver.end_epoch();
  scene.trainer.at.num_epochs = 1;
  scene.point(callback, true);
  CHECK(folder.names() == Names{"epoch_0_update_1.pt"});
}

TEST_CASE("SaveTrainingState throws if another run is saving into its folder") {
  const TemporaryFolder folder;
  hone::SaveTrainingState first{.save_dir = folder.path}, second{.save_dir = folder.path};
  Scene one, two;
  one.start(first);
  CHECK(refusal([&] { two.start(second); }).starts_with("Another run is saving to the folder"));
  first.on_exception({{one.driver.run}, nullptr});
  CHECK(refusal([&] { two.start(second); }) == "none");
}

TEST_CASE("SaveTrainingState throws if the folder has later states of another run, or removes them with overwrite") {
  const TemporaryFolder folder;
  folder.touch("epoch_2_update_9.pt");
  folder.touch("epoch_5_update_20.pt");
  hone::SaveTrainingState callback{.save_dir = folder.path};
  Scene scene;
  const auto text = refusal([&] { scene.start(callback); });
  CHECK(text.find("epoch_2_update_9.pt is later than the beginning of this run (epoch_0_update_0)") !=
        std::string::npos);
  CHECK(text.find("trainer.resume(\"" + folder.path.string()) != std::string::npos);
  CHECK(folder.names().size() == 2);

  scene.trainer.at = {2, 9};  // the second file is still ahead
  CHECK(refusal([&] { scene.start(callback); }).find("epoch_5_update_20.pt is later") != std::string::npos);
  callback.state = {};
  callback.overwrite = true;
  CHECK(refusal([&] { scene.start(callback); }) == "none");
  CHECK(folder.names() == Names{"epoch_2_update_9.pt"});
}

TEST_CASE("SaveTrainingState writes no file in a fast_dev_run") {
  const TemporaryFolder folder;
  hone::SaveTrainingState callback{.save_dir = folder / "states", .save_every_n_updates = 1};
  Scene scene;
  scene.driver.config().fast_dev_run = true;
  scene.run(callback, 1, 2);
  CHECK(folder.names().empty());
}

TEST_CASE("SaveTrainingState throws for settings out of range and for a save_dir that is a file") {
  hone::SaveTrainingState callback{.keep_last = -1};
  CHECK(refusal([&] { Scene().start(callback); }) == "SaveTrainingState::keep_last is -1. Set it to 0 or greater.");
  const TemporaryFolder folder;
  folder.touch("file");
  hone::SaveTrainingState into_file{.save_dir = folder / "file"};
  CHECK(refusal([&] { Scene().start(into_file); }).find("a file has that name") != std::string::npos);
}

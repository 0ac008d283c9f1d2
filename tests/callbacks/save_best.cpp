// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/save_best.hpp"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "support/captured.hpp"
#include "support/catch.hpp"
#include "support/fake_saving.hpp"
#include "support/run_driver.hpp"

namespace {

struct Scene {
  hone::RunDriver driver{};
  fakes::Trainer trainer{};

  void start(auto& callback) { callback.on_training_run_start(hone::TrainingRunStart{{driver.run}}); }
  void epochs(auto& callback, const std::vector<double>& values) {
    for (const double value : values) {
      driver.run.history().record(callback.watch_metric, value, hone::Phase::eval);
      callback.on_training_run_epoch_end(fakes::Told<hone::TrainingRunEpochEnd>{{driver.run}, {trainer}});
      driver.run.history().increment_epoch();
    }
  }
  void end(auto& callback) { callback.on_training_run_end(fakes::Told<hone::TrainingRunEnd>{{driver.run}, {trainer}}); }
  std::vector<std::string> told() { return std::exchange(trainer.told, {}); }
};

const std::string saved = "save best_model.pt optimizer scheduler";

}  // namespace

TEST_CASE("each value that is strictly better is saved, and the best is loaded at the end") {
  Scene scene;
  hone::SaveBest best;
  scene.start(best);
  scene.epochs(best, {3.0, 2.0, 2.5, 1.0, 1.0});
  CHECK(scene.told() == std::vector<std::string>{saved, saved, saved});
  const auto& file = scene.trainer.files.at("best_model.pt");
  CHECK(file.find("epoch")->number() == 4);
  CHECK(file.find("metric_value")->number() == 1.0);
  CHECK(std::get<std::string>(file.find("metric_name")->held) == "eval_loss_epoch");
  scene.end(best);
  CHECK(scene.told() == std::vector<std::string>{"load best_model.pt optimizer"});
}

TEST_CASE("greater may be better, and parts may be left out") {
  Scene scene;
  hone::SaveBest best{.save_path = "b.pt", .greater_is_better = true, .save_optimizer = false, .save_scheduler = false};
  scene.start(best);
  scene.epochs(best, {3.0, 2.0, 4.0});
  scene.end(best);
  CHECK(scene.told() == std::vector<std::string>{"save b.pt", "save b.pt", "load b.pt"});
}

TEST_CASE("NaN is never the best") {
  Scene scene;
  hone::SaveBest best;
  scene.start(best);
  scene.epochs(best, {std::numeric_limits<double>::quiet_NaN()});
  scene.end(best);
  CHECK(scene.told().empty());
  scene.epochs(best, {5.0, std::numeric_limits<double>::quiet_NaN(), 4.0});
  CHECK(scene.told().size() == 2);
}

TEST_CASE("an infinite value on the bad side is never the best") {
  Scene scene;
  hone::SaveBest best;
  scene.start(best);
  scene.epochs(best, {std::numeric_limits<double>::infinity()});
  CHECK(scene.told().empty());
  scene.epochs(best, {-1.0, -std::numeric_limits<double>::infinity(), -2.0});
  CHECK(scene.told().size() == 2);
}

TEST_CASE("a value that later updates have left behind is not that of the weights") {
  Scene scene;
  hone::SaveBest best{.watch_metric = "intermediate_eval_loss"};
  scene.start(best);
  scene.driver.set_num_updates(4);
  scene.driver.set_phase(hone::Phase::intermediate_eval);
  scene.driver.run.history().record("intermediate_eval_loss", 1.0, hone::Phase::intermediate_eval);
  const auto evaluated = [&] {
    best.on_eval_epoch_end(fakes::Told<hone::EvalEpochEnd>{{{scene.driver.run}, 1.0}, {scene.trainer}});
  };
  evaluated();
  CHECK(scene.told().size() == 1);  // with the weights of update 4
  scene.driver.set_num_updates(6);
  evaluated();
  scene.driver.run.history().record("other", 0.5, hone::Phase::intermediate_eval);
  evaluated();
  scene.driver.set_phase(hone::Phase::train);
  best.on_training_run_epoch_end(fakes::Told<hone::TrainingRunEpochEnd>{{scene.driver.run}, {scene.trainer}});
  CHECK(scene.told().empty());
  CHECK(best.state.best == 1.0);

  hone::SaveBest epochs;  // goes by another metric
  scene.start(epochs);
  scene.driver.set_phase(hone::Phase::intermediate_eval);
  epochs.on_eval_epoch_end(fakes::Told<hone::EvalEpochEnd>{{{scene.driver.run}, 1.0}, {scene.trainer}});
  CHECK(scene.told().empty());
}

TEST_CASE("among the callbacks of an average, it saves and does not load") {
  const auto run = [](hone::SaveBest best, bool is_evaluated) {
    Scene scene;
    const hone::WithAverage average{is_evaluated};
    scene.start(best);
    for (const double value : {3.0, 2.0, 2.5}) {
      if (is_evaluated) scene.driver.run.history().record(best.watch_metric, value, hone::Phase::eval);
      best.on_training_run_epoch_end(
          with_facet(fakes::Told<hone::TrainingRunEpochEnd>{{scene.driver.run}, {scene.trainer}}, average));
      scene.driver.run.history().increment_epoch();
    }
    best.on_training_run_end(
        with_facet(fakes::Told<hone::TrainingRunEnd>{{scene.driver.run}, {scene.trainer}}, average));
    return scene.told();
  };
  const std::string loaded = "load best_model.pt optimizer";
  CHECK(run({}, true) == std::vector<std::string>{saved, saved});
  CHECK(run({}, false) == std::vector<std::string>{saved, saved, saved});
  CHECK(run({.load_saved_checkpoint = true}, true) == std::vector<std::string>{saved, saved, loaded});
  CHECK(run({.load_saved_checkpoint = true}, false) == std::vector<std::string>{saved, saved, saved, loaded});
}

TEST_CASE("another run begins anew, or has to beat the last one") {
  Scene scene;
  hone::SaveBest anew, beats{.reset_on_train = false};
  const auto saves_in_second_run = [&](hone::SaveBest& best) {
    scene.start(best);
    scene.epochs(best, {1.0});
    scene.told();
    scene.start(best);
    scene.epochs(best, {2.0});
    return scene.told().size();
  };
  CHECK(saves_in_second_run(anew) == 1);
  CHECK(saves_in_second_run(beats) == 0);
}

TEST_CASE("what this run did not save is not loaded") {
  Scene scene;
  hone::SaveBest best{.reset_on_train = false};
  scene.start(best);
  scene.epochs(best, {1.0});
  scene.start(best);
  scene.epochs(best, {2.0});
  scene.told();
  scene.end(best);
  CHECK(scene.told().empty());

  scene.epochs(best, {0.5});
  scene.trainer.files.at("best_model.pt") = {{"epoch", std::int64_t{77}}, {"metric_value", 0.1}};
  CHECK_THROWS_WITH(scene.end(best), Catch::Contains("is not the checkpoint that this run saved in epoch 3"));
}

TEST_CASE("a trial run leaves no file") {
  Scene scene;
  scene.driver.config().fast_dev_run = true;
  hone::SaveBest best;
  scene.start(best);
  scene.epochs(best, {1.0});
  scene.end(best);
  CHECK(scene.told().empty());
}

TEST_CASE("a metric that nothing records is named") {
  Scene scene;
  hone::SaveBest best;
  scene.start(best);
  CHECK_THROWS_WITH(
      best.on_training_run_epoch_end(fakes::Told<hone::TrainingRunEpochEnd>{{scene.driver.run}, {scene.trainer}}),
      Catch::Contains("SaveBest::watch_metric is `eval_loss_epoch`"));
}

TEST_CASE("a checkpoint that cannot be written ends the run, or is no best one") {
  Scene scene;
  hone::SaveBest stopping;
  scene.start(stopping);
  scene.trainer.has_room = false;
  CHECK_THROWS_AS(scene.epochs(stopping, {1.0}), hone::DataError);
  CHECK_FALSE(stopping.state.best.has_value());

  Scene other;
  hone::Captured output;
  hone::SaveBest best{.on_error = hone::SaveError::warn, .output = output.file()};
  other.start(best);
  other.epochs(best, {3.0});
  other.trainer.has_room = false;
  other.epochs(best, {1.0});
  CHECK(output.text() == "\nSaveBest saved nothing: best_model.pt cannot be written: No space left on device.\n");
  other.trainer.has_room = true;
  other.epochs(best, {2.0});  // better than what the file holds
  other.end(best);
  CHECK(other.told() == std::vector<std::string>{saved, saved, "load best_model.pt optimizer"});
  CHECK(best.state.best == 2.0);
  CHECK(best.state.best_epoch == 3);
}

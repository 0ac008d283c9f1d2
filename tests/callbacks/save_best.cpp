// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/save_best.hpp"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>
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
      callback.on_training_run_epoch_end(fakes::EventContext<hone::TrainingRunEpochEnd>{{driver.run}, {trainer}});
      driver.run.history().increment_epoch();
    }
  }
  void end(auto& callback) {
    callback.on_training_run_end(fakes::EventContext<hone::TrainingRunEnd>{{driver.run}, {trainer}});
  }
  std::vector<std::string> told() { return std::exchange(trainer.told, {}); }
};

const std::string saved = "save best_model.pt optimizer scheduler";

}  // namespace

TEST_CASE("SaveBest saves each strictly better value and loads the best one at the end") {
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

TEST_CASE("SaveBest supports greater_is_better and omits the optimizer and the schedule on request") {
  Scene scene;
  hone::SaveBest best{.save_path = "b.pt", .greater_is_better = true, .save_optimizer = false, .save_scheduler = false};
  scene.start(best);
  scene.epochs(best, {3.0, 2.0, 4.0});
  scene.end(best);
  CHECK(scene.told() == std::vector<std::string>{"save b.pt", "save b.pt", "load b.pt"});
}

TEST_CASE("SaveBest never saves for NaN") {
  Scene scene;
  hone::SaveBest best;
  scene.start(best);
  scene.epochs(best, {std::numeric_limits<double>::quiet_NaN()});
  scene.end(best);
  CHECK(scene.told().empty());
  scene.epochs(best, {5.0, std::numeric_limits<double>::quiet_NaN(), 4.0});
  CHECK(scene.told().size() == 2);
}

TEST_CASE("SaveBest never saves for infinity in the worse direction") {
  Scene scene;
  hone::SaveBest best;
  scene.start(best);
  scene.epochs(best, {std::numeric_limits<double>::infinity()});
  CHECK(scene.told().empty());
  scene.epochs(best, {-1.0, -std::numeric_limits<double>::infinity(), -2.0});
  CHECK(scene.told().size() == 2);
}

TEST_CASE("SaveBest ignores a value that was recorded before the latest update") {
  Scene scene;
  hone::SaveBest best{.watch_metric = "intermediate_eval_loss"};
  scene.start(best);
  scene.driver.set_num_updates(4);
  scene.driver.set_phase(hone::Phase::intermediate_eval);
  scene.driver.run.history().record("intermediate_eval_loss", 1.0, hone::Phase::intermediate_eval);
  const auto evaluated = [&] {
    best.on_eval_epoch_end(fakes::EventContext<hone::EvalEpochEnd>{{{scene.driver.run}, 1.0}, {scene.trainer}});
  };
  evaluated();
  CHECK(scene.told().size() == 1);  // contains the weights of update 4
  scene.driver.set_num_updates(6);
  evaluated();
  scene.driver.run.history().record("other", 0.5, hone::Phase::intermediate_eval);
  evaluated();
  scene.driver.set_phase(hone::Phase::train);
  best.on_training_run_epoch_end(fakes::EventContext<hone::TrainingRunEpochEnd>{{scene.driver.run}, {scene.trainer}});
  CHECK(scene.told().empty());
  CHECK(best.state.best == 1.0);

  hone::SaveBest epochs;  // watches another metric
  scene.start(epochs);
  scene.driver.set_phase(hone::Phase::intermediate_eval);
  epochs.on_eval_epoch_end(fakes::EventContext<hone::EvalEpochEnd>{{{scene.driver.run}, 1.0}, {scene.trainer}});
  CHECK(scene.told().empty());
}

TEST_CASE("SaveBest among the callbacks of an averaged model saves, and loads only on request") {
  const auto run = [](hone::SaveBest best, bool is_evaluated) {
    Scene scene;
    const hone::WithAverage average{is_evaluated};
    scene.start(best);
    for (const double value : {3.0, 2.0, 2.5}) {
      if (is_evaluated) scene.driver.run.history().record(best.watch_metric, value, hone::Phase::eval);
      best.on_training_run_epoch_end(
          with_facet(fakes::EventContext<hone::TrainingRunEpochEnd>{{scene.driver.run}, {scene.trainer}}, average));
      scene.driver.run.history().increment_epoch();
    }
    best.on_training_run_end(
        with_facet(fakes::EventContext<hone::TrainingRunEnd>{{scene.driver.run}, {scene.trainer}}, average));
    return scene.told();
  };
  const std::string loaded = "load best_model.pt optimizer";
  CHECK(run({}, true) == std::vector<std::string>{saved, saved});
  CHECK(run({}, false) == std::vector<std::string>{saved, saved, saved});
  CHECK(run({.load_saved_checkpoint = true}, true) == std::vector<std::string>{saved, saved, loaded});
  CHECK(run({.load_saved_checkpoint = true}, false) == std::vector<std::string>{saved, saved, saved, loaded});
}

TEST_CASE("SaveBest among the callbacks of an average goes by the metric of the averaged weights") {
  Scene scene;
  hone::SaveBest best;
  const hone::WithAverage average{true, "ema_model_"};
  scene.start(best);
  const auto end_epoch = [&](double own, std::optional<double> averaged) {
    auto& history = scene.driver.run.history();
    history.record("eval_loss_epoch", own, hone::Phase::eval);
    if (averaged) history.record("ema_model_eval_loss_epoch", *averaged, hone::Phase::eval);
    best.on_training_run_epoch_end(
        with_facet(fakes::EventContext<hone::TrainingRunEpochEnd>{{scene.driver.run}, {scene.trainer}}, average));
    history.increment_epoch();
  };
  end_epoch(1.0, 5.0);
  end_epoch(2.0, 4.0);  // the model's own weights are worse, the average is better
  end_epoch(0.5, 4.5);
  CHECK(scene.told() == std::vector<std::string>{saved, saved});
  const auto& file = scene.trainer.files.at("best_model.pt");
  CHECK(file.find("metric_value")->number() == 4.0);
  CHECK(std::get<std::string>(file.find("metric_name")->held) == "ema_model_eval_loss_epoch");

  Scene unknown;
  unknown.driver.run.history().record("eval_loss_epoch", 1.0, hone::Phase::eval);
  CHECK_THROWS_WITH(
      best.on_training_run_epoch_end(
          with_facet(fakes::EventContext<hone::TrainingRunEpochEnd>{{unknown.driver.run}, {unknown.trainer}}, average)),
      Catch::Contains("is `ema_model_eval_loss_epoch`, which is not recorded. Recorded metrics: `eval_loss_epoch`"));
}

TEST_CASE("SaveBest does not replace averaged weights at the end of a run, except on request") {
  const auto end = [](std::optional<bool> load, bool has_averaged_model) {
    Scene scene;
    hone::SaveBest best{.load_saved_checkpoint = load};
    scene.start(best);
    scene.epochs(best, {1.0});
    scene.told();
    if (has_averaged_model) scene.driver.run.set_has_averaged_model();
    scene.end(best);
    return scene.told().size();
  };
  CHECK(end({}, false) == 1);
  CHECK(end({}, true) == 0);
  CHECK(end(true, true) == 1);
}

TEST_CASE("SaveBest resets its best value in a new run unless reset_on_train is false") {
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

TEST_CASE("SaveBest loads only a checkpoint that the current run saved") {
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

TEST_CASE("SaveBest writes no file in a fast_dev_run") {
  Scene scene;
  scene.driver.config().fast_dev_run = true;
  hone::SaveBest best;
  scene.start(best);
  scene.epochs(best, {1.0});
  scene.end(best);
  CHECK(scene.told().empty());
}

TEST_CASE("SaveBest throws an error that names a metric that is never recorded") {
  Scene scene;
  hone::SaveBest best;
  scene.start(best);
  CHECK_THROWS_WITH(best.on_training_run_epoch_end(
                        fakes::EventContext<hone::TrainingRunEpochEnd>{{scene.driver.run}, {scene.trainer}}),
                    Catch::Contains("SaveBest::watch_metric is `eval_loss_epoch`"));
}

TEST_CASE("if a write fails, SaveBest throws, or with SaveError::warn keeps the previous best value") {
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
  CHECK(output.text() == "\nSaveBest failed to save: best_model.pt cannot be written: No space left on device.\n");
  other.trainer.has_room = true;
  other.epochs(best, {2.0});  // better than the value of the saved file
  other.end(best);
  CHECK(other.told() == std::vector<std::string>{saved, saved, "load best_model.pt optimizer"});
  CHECK(best.state.best == 2.0);
  CHECK(best.state.best_epoch == 3);
}

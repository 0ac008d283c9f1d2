// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/wsd_checkpoints.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "hone/schedule/wsd.hpp"
#include "support/catch.hpp"
#include "support/fake_saving.hpp"
#include "support/run_driver.hpp"
#include "support/temporary_folder.hpp"

namespace {

struct WsdTrainer : fakes::Trainer {
  hone::WsdLr schedule;
  std::int64_t updates = 0;
  const hone::WsdLr& active_schedule() const { return schedule; }
  std::int64_t scheduled_updates() const { return updates; }
};

std::vector<std::string> told(const hone::WsdLr& schedule, std::int64_t updates, std::int64_t from = 0,
                              bool fast_dev_run = false) {
  const TemporaryFolder folder;
  hone::RunDriver driver;
  driver.config().fast_dev_run = fast_dev_run;
  WsdTrainer trainer;
  trainer.schedule = schedule.resolved({});
  trainer.updates = from;
  hone::WsdCheckpoints callback{.save_dir = folder.path, .save_optimizer = false};
  const hone::EventContext<hone::TrainingRunStart, hone::WithTrainer<WsdTrainer>> start{{driver.run}, {trainer}};
  callback.on_training_run_start(start);
  while (trainer.updates < updates) {
    ++trainer.updates;
    for (int batch = 0; batch < 2; ++batch) {  // the second batch has no update
      callback.on_resume_point(
          hone::EventContext<hone::ResumePoint, hone::WithTrainer<WsdTrainer>>{{{driver.run}, false}, {trainer}});
    }
  }
  std::vector<std::string> names;
  for (auto text : trainer.told) {
    const auto at = text.find(folder.path.string() + "/");
    names.push_back(text.erase(at, folder.path.string().size() + 1));
  }
  if (!trainer.files.empty()) {
    const auto& [path, extra] = *trainer.files.begin();
    CHECK(extra.find("step") != nullptr);
    CHECK(extra.find("total_steps")->number() == static_cast<double>(schedule.total_updates.count()));
    CHECK(extra.find("decay_fraction")->number() == Approx(0.1));
    CHECK(path.find(std::get<std::string>(extra.find("checkpoint_type")->held)) != std::string::npos);
  }
  return names;
}

}  // namespace

TEST_CASE("WsdCheckpoints saves a training state before the decay and a checkpoint after it") {
  CHECK(told({.total_updates = 100, .warmup_updates = 0}, 100) ==
        std::vector<std::string>{"state checkpoint_90_wsd_pre_decay.pt",
                                 "save checkpoint_100_wsd_post_decay.pt scheduler"});
}

TEST_CASE("WsdCheckpoints saves two files for each period") {
  CHECK(told({.total_updates = 200, .warmup_updates = 0, .num_checkpoints = 2}, 200) ==
        std::vector<std::string>{
            "state checkpoint_90_wsd_pre_decay.pt", "save checkpoint_100_wsd_post_decay.pt scheduler",
            "state checkpoint_190_wsd_pre_decay.pt", "save checkpoint_200_wsd_post_decay.pt scheduler"});
}

TEST_CASE("a resumed run does not save the state from which it resumed again") {
  CHECK(told({.total_updates = 200, .warmup_updates = 0}, 200, 90) ==
        std::vector<std::string>{"state checkpoint_180_wsd_pre_decay.pt",
                                 "save checkpoint_200_wsd_post_decay.pt scheduler"});
  CHECK(told({.total_updates = 100, .warmup_updates = 0}, 100, 90).size() == 1);
}

TEST_CASE("WsdCheckpoints writes no file in a fast_dev_run") {
  CHECK(told({.total_updates = 100}, 100, 0, true).empty());
}

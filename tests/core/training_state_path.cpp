// SPDX-License-Identifier: Apache-2.0
#include "hone/core/training_state_path.hpp"

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

TEST_CASE("TrainingProgress converts to a file name and parses one") {
  CHECK(hone::TrainingProgress{3, 120}.name() == "epoch_3_update_120");
  const auto place = hone::TrainingProgress::in("epoch_3_update_120.pt");
  REQUIRE(place);
  CHECK(place->num_epochs == 3);
  CHECK(place->num_updates == 120);
  CHECK(hone::TrainingProgress::in("epoch_3_update_120_eval_loss_epoch=0.25.pt"));
  for (const auto* name :
       {"epoch_3_update_120", "epoch_3_update_.pt", "epoch_x_update_1.pt", "step_120.pt", "best.pt",
        "epoch_3_update_120x.pt", "epoch_99999999999999999999_update_1.pt", "epoch_1_update_2.pt.tmp", ""}) {
    INFO(name);
    CHECK_FALSE(hone::TrainingProgress::in(name));
  }
}

TEST_CASE(
    "latest_training_state returns the file with the most epochs and updates, which need not be the last by name") {
  const TemporaryFolder folder;
  CHECK(hone::training_states_in(folder / "none").empty());
  for (const auto* name : {"epoch_2_update_20.pt", "epoch_10_update_100.pt", "epoch_1_update_19.pt", "other.pt"}) {
    folder.touch(name);
  }
  const auto files = hone::training_states_in(folder.path);
  REQUIRE(files.size() == 3);
  CHECK(files[0].path.filename() == "epoch_1_update_19.pt");
  CHECK(files[2].path.filename() == "epoch_10_update_100.pt");
  CHECK(hone::latest_training_state(folder.path) == files[2].path);
}

TEST_CASE("training_states_in ignores folders and dangling links, and follows links to files") {
  const TemporaryFolder folder;
  folder.touch("epoch_1_update_19.pt");
  std::filesystem::create_directories(folder / "epoch_2_update_20.pt");
  std::filesystem::create_symlink("gone.pt", folder / "epoch_3_update_30.pt");
  folder.touch("elsewhere");
  std::filesystem::create_symlink("elsewhere", folder / "epoch_0_update_5.pt");
  const auto files = hone::training_states_in(folder.path);
  REQUIRE(files.size() == 2);
  CHECK(files[0].path.filename() == "epoch_0_update_5.pt");
  CHECK(files[1].path.filename() == "epoch_1_update_19.pt");
}

TEST_CASE("latest_training_state throws DataError for a folder that cannot be listed, not for a missing one") {
  const TemporaryFolder folder;
  folder.touch("file");
  CHECK_THROWS_AS(hone::latest_training_state(folder / "file"), hone::DataError);
  std::filesystem::create_symlink("round", folder / "round");
  CHECK_THROWS_AS(hone::latest_training_state(folder / "round"), hone::DataError);
  CHECK_FALSE(hone::latest_training_state(folder / "none").has_value());
}

// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/training_states.hpp"

#include <string>

#include "checkpoint/files.hpp"
#include "support/catch.hpp"

TEST_CASE("a name tells the place") {
  CHECK(hone::TrainingPlace{3, 120}.name() == "epoch_3_step_120");
  const auto place = hone::TrainingPlace::in("epoch_3_step_120.pt");
  REQUIRE(place);
  CHECK(place->num_epochs == 3);
  CHECK(place->num_updates == 120);
  CHECK(hone::TrainingPlace::in("epoch_3_step_120_eval_loss_epoch=0.25.pt"));
  for (const auto* name :
       {"epoch_3_step_120", "epoch_3_step_.pt", "epoch_x_step_1.pt", "step_120.pt", "best.pt", "epoch_3_step_120x.pt",
        "epoch_99999999999999999999_step_1.pt", "epoch_1_step_2.pt.tmp", ""}) {
    INFO(name);
    CHECK_FALSE(hone::TrainingPlace::in(name));
  }
}

TEST_CASE("the newest is the one that got farthest") {
  const files::Folder folder;
  CHECK(hone::training_states_in(folder / "none").empty());
  for (const auto* name : {"epoch_2_step_20.pt", "epoch_10_step_100.pt", "epoch_1_step_19.pt", "other.pt"}) {
    hone::write_checkpoint(folder / name, hone::Dict{{"training_state", hone::Dict{{"name", name}}}});
  }
  const auto files = hone::training_states_in(folder.path);
  REQUIRE(files.size() == 3);
  CHECK(files[0].path.filename() == "epoch_1_step_19.pt");
  CHECK(files[2].path.filename() == "epoch_10_step_100.pt");
  CHECK(hone::latest_training_state(folder.path) == files[2].path);
  CHECK(hone::read_training_state(folder.path).at("training_state").at("name").get<std::string>() ==
        "epoch_10_step_100.pt");
}

TEST_CASE("what is no training state is refused") {
  const files::Folder folder;
  hone::write_checkpoint(folder / "weights.pt", hone::Dict{{"model_state_dict", hone::Dict{}}});
  hone::write_checkpoint(folder / "list.pt", hone::List{1});
  for (const auto* name : {"weights.pt", "list.pt"}) {
    CHECK(files::contains(files::message([&] { static_cast<void>(hone::read_training_state(folder / name)); }),
                          std::string(name) + " holds no training state"));
  }
}

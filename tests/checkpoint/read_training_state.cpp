// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/read_training_state.hpp"

#include <string>

#include "checkpoint/files.hpp"
#include "support/catch.hpp"

TEST_CASE("of a folder, the newest is read") {
  const files::Folder folder;
  for (const auto* name : {"epoch_2_step_20.pt", "epoch_10_step_100.pt", "epoch_1_step_19.pt", "other.pt"}) {
    hone::write_checkpoint(folder / name, hone::Dict{{"training_state", hone::Dict{{"name", name}}}});
  }
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

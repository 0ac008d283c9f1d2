// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/read_training_state.hpp"

#include <string>

#include "checkpoint/files.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "support/catch.hpp"

TEST_CASE("read_training_state of a folder reads the latest state") {
  const files::Folder folder;
  for (const auto* name : {"epoch_2_update_20.pt", "epoch_10_update_100.pt", "epoch_1_update_19.pt", "other.pt"}) {
    hone::write_checkpoint(folder / name, hone::Dict{{"training_state", hone::Dict{{"name", name}}}});
  }
  CHECK(hone::read_training_state(folder.path).at("training_state").at("name").get<std::string>() ==
        "epoch_10_update_100.pt");
}

TEST_CASE("read_training_state throws DataError for a checkpoint that is not a training state") {
  const files::Folder folder;
  hone::write_checkpoint(folder / "weights.pt", hone::Dict{{"model_state_dict", hone::Dict{}}});
  hone::write_checkpoint(folder / "list.pt", hone::List{1});
  for (const auto* name : {"weights.pt", "list.pt"}) {
    CHECK(files::contains(files::message([&] { static_cast<void>(hone::read_training_state(folder / name)); }),
                          std::string(name) + " contains no training state"));
  }
}

TEST_CASE("read_training_state of a folder throws DataError for a damaged latest state, with the remedy") {
  const files::Folder folder;
  for (const auto* name : {"epoch_1_update_1.pt", "epoch_2_update_2.pt"}) {
    hone::write_checkpoint(folder / name, hone::Dict{{"training_state", name}});
  }
  const auto newest = folder / "epoch_2_update_2.pt";
  auto bytes = files::read(newest);
  files::write(newest, bytes.substr(0, bytes.size() - 7));
  const auto text = files::message([&] { static_cast<void>(hone::read_training_state(folder.path)); });
  CHECK(text.starts_with(newest.string() + " is damaged"));
  CHECK(
      text.ends_with("To resume from the training state before it in " + folder.path.string() + ", remove this file."));
  files::fs::remove(newest);
  CHECK(hone::read_training_state(folder.path).at("training_state").get<std::string>() == "epoch_1_update_1.pt");
  CHECK(files::message([&] { static_cast<void>(hone::read_training_state(newest)); }).ends_with("its permissions."));
}

TEST_CASE("read_training_state of a folder throws DataError for a file that only has the name of a state") {
  const files::Folder folder;
  const auto read = [&] { return files::message([&] { static_cast<void>(hone::read_training_state(folder.path)); }); };
  files::fs::create_directories(folder / "epoch_9_update_9.pt");
  CHECK(files::contains(read(), "contains no training state (epoch_E_update_S.pt)"));
  files::write(folder / "epoch_1_update_1.pt", "");
  CHECK(files::contains(read(),
                        "epoch_1_update_1.pt is empty. Use another copy. To resume from the training state before it"));
  files::write(folder / "epoch_1_update_2.pt", "notes");
  CHECK(files::contains(read(), "epoch_1_update_2.pt is not a zip archive"));
  hone::write_checkpoint(folder / "epoch_1_update_3.pt", hone::Dict{{"model_state_dict", hone::Dict{}}});
  CHECK(files::contains(read(), "epoch_1_update_3.pt contains no training state"));
  files::write(folder / "file", "x");
  CHECK(
      files::contains(files::message([&] { static_cast<void>(hone::read_training_state(folder / "file" / "states")); }),
                      "Not a directory"));
}

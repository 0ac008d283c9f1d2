// SPDX-License-Identifier: Apache-2.0
#include "hone/state/resume_from.hpp"

#include <filesystem>
#include <optional>
#include <string>

#include "checkpoint/files.hpp"
#include "support/catch.hpp"

TEST_CASE("ResumeFrom accepts a file, a folder, a state, or nothing") {
  const files::Folder folder;
  const hone::Dict state{{"training_state", 5}};
  hone::write_checkpoint(folder / "epoch_1_update_2.pt", state);
  const auto number = [](const hone::ResumeFrom& from) { return from.read()->at("training_state").number(); };
  CHECK_FALSE(hone::ResumeFrom().read());
  CHECK_FALSE(hone::ResumeFrom(std::nullopt));
  CHECK_FALSE(hone::ResumeFrom(hone::latest_training_state(folder / "none")));
  CHECK(number(state) == 5);
  CHECK(number(folder.path) == 5);
  CHECK(number(folder.path.string()) == 5);
  CHECK(number((folder / "epoch_1_update_2.pt").c_str()) == 5);
  CHECK(number(hone::latest_training_state(folder.path)) == 5);
}

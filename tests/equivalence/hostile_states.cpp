// SPDX-License-Identifier: Apache-2.0
// Tests of damaged training states, and of folders that cannot be written: each throws a specific error and keeps the
// existing files.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <ranges>
#include <string>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/hone.hpp"
#include "hone/schedule/reduce_on_plateau.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/temporary_folder.hpp"

namespace {

using hone::Dict;

hone::EarlyStopping patient() { return {.patience = 50, .watch_metric = "train_loss_epoch"}; }

auto trainer(const std::filesystem::path& folder) {
  return hone::Trainer{tiny::Net(),
                       torch::nn::CrossEntropyLoss{},
                       hone::AdamW{.lr = 0.05},
                       hone::GradAccum<2>{},
                       hone::ExponentialLr{.gamma = 0.9},
                       patient(),
                       hone::SaveTrainingState{.save_dir = folder, .save_every_n_updates = 1}};
}
hone::TrainOptions options() { return {.num_epochs = 2, .per_device_batch_size = 3, .seed = 3}; }
hone::RunHistory run(const std::filesystem::path& folder, const hone::ResumeFrom& from = {}) {
  return trainer(folder).resume(from, tiny::dataset(), tiny::dataset(8), options());
}
std::string refusal(const std::filesystem::path& folder, const hone::ResumeFrom& from = {}) {
  return files::message([&] { run(folder, from); });
}

/// Returns a reference to the value at a path of keys.
hone::Value& entry(hone::Value& value, std::initializer_list<const char*> keys) {
  auto* at = &value;
  for (const auto* key : keys) at = &at->get<Dict>().set(key, at->at(key));
  return *at;
}

/// Returns a state within an accumulation window.
hone::Value open_window() {
  hone::Value state = hone::Dict();
  auto from = hone::Trainer{tiny::Net(),
                            torch::nn::CrossEntropyLoss{},
                            hone::AdamW{.lr = 0.05},
                            hone::GradAccum<2>{},
                            hone::ExponentialLr{.gamma = 0.9},
                            patient(),
                            hone::on<hone::ResumePoint>([&](const auto& event) {
                              if (event.run.batch() == 3) state = hone::cloned(event.trainer.training_state());
                            })};
  auto run = from.begin_run();
  for (auto& batch : tiny::batches(3)) run.step(batch);
  return state;
}

/// Returns the error message of resuming from `state`.
std::string said_of(const hone::Value& state) {
  auto to = hone::Trainer{tiny::Net(),          torch::nn::CrossEntropyLoss{},     hone::AdamW{.lr = 0.05},
                          hone::GradAccum<2>{}, hone::ExponentialLr{.gamma = 0.9}, patient()};
  return files::message([&] { to.resume(state.get<Dict>(), tiny::dataset(), tiny::dataset(8), options()); });
}

/// Runs `check` in a forked process, and returns its result.
bool succeeds(const std::function<bool()>& check) {
  const auto child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return status == 0;
}

template <class T>
std::string said_of_state(const Dict& state, T thing = {}) {
  return files::message([&] { hone::load_state_of(thing, state); });
}

}  // namespace

TEST_CASE("a damaged newest state throws, and after its removal the run resumes from the previous one") {
  const TemporaryFolder whole, torn;
  const auto history = run(whole.path);
  run(torn.path);
  const auto newest = *hone::latest_training_state(torn.path);
  const auto bytes = files::read(newest);
  SECTION("truncated") { files::write(newest, bytes.substr(0, GENERATE(0U, 1U, 100U, 4000U))); }
  SECTION("without the last byte") { files::write(newest, bytes.substr(0, bytes.size() - 1)); }
  SECTION("with a changed bit") {
    auto flipped = bytes;
    flipped[flipped.size() / 2] ^= 16;
    files::write(newest, flipped);
  }
  SECTION("another file") { files::write(newest, "name,phase,epoch\n"); }
  for (const auto& text : {refusal(torn.path, torn.path), refusal(torn.path, newest)}) {
    CHECK(text.starts_with(newest.string()));
    CHECK(files::contains(text, "To resume from the training state before it"));
  }
  std::filesystem::remove(newest);
  CHECK((run(torn.path, torn.path) == history));
  CHECK(torn.names() == whole.names());
  CHECK(files::read(newest) == files::read(whole / newest.filename().string()));
}

TEST_CASE("invalid entries of a state throw DataError with their names") {
  const auto sound = open_window();
  REQUIRE(said_of(sound) == "no error");
  const auto after = [&](std::initializer_list<const char*> keys, const hone::Value& value) {
    auto state = sound;
    entry(state, keys) = value;
    return said_of(state);
  };
  constexpr auto huge = std::int64_t{1} << 60;
  const auto contains = [](const std::string& text, const std::string& part) {
    UNSCOPED_INFO(text);
    return files::contains(text, "does not match this trainer") && files::contains(text, part);
  };
  CHECK(contains(after({"training_state", "run", "num_epochs"}, -1),
                 "'run': 'num_epochs' is -1, which is not a valid count"));
  CHECK(contains(after({"training_state", "run", "num_updates"}, -5), "'num_updates' is -5"));
  CHECK(contains(after({"training_state", "run", "batch"}, -1), "'batch' is -1"));
  CHECK(contains(after({"training_state", "run", "batch"}, huge), "'batch' is 1152921504606846976"));
  CHECK(contains(after({"training_state", "run", "batch"}, "two"), "'batch': The value is the string 'two'"));
  CHECK(contains(after({"training_state", "run", "history", "epoch"}, 0), "'epoch' is 0"));
  CHECK(contains(after({"training_state", "run", "history", "revision"}, huge), "'revision' is"));
  CHECK(contains(after({"training_state", "run"}, hone::List{}), "'run': The value is a list of 0"));
  CHECK(contains(after({"training_state", "window", "size"}, -1), "'size' is -1"));
  CHECK(contains(after({"training_state", "window", "size"}, 2), "after batch 2 of an accumulation window"));
  CHECK(contains(after({"training_state", "window_gradients", "first.weight"}, torch::zeros({4})),
                 "The gradient of 'first.weight' in an accumulation window is a tensor of shape [4] of float"));
  CHECK(contains(after({"training_state", "window_gradients", "first.weight"}, torch::zeros({5, 3}, torch::kDouble)),
                 "of double"));
  CHECK(contains(after({"training_state", "window_gradients"}, Dict{{"third.weight", torch::zeros({1})}}),
                 "The gradient of 'third.weight'"));
  CHECK(contains(after({"training_state", "window", "total"}, 0.0),
                 "The batch weights of an accumulation window are not positive and finite"));
  CHECK(contains(after({"training_state", "generators"}, Dict{}), "The entry 'cpu' is missing"));
  CHECK(contains(after({"training_state"}, Dict{}), "is missing"));
  CHECK(files::contains(after({"training_state", "run", "batch"}, 5),
                        "after batch 5 of the epoch, but the loader has 4"));
  CHECK(files::contains(after({"scheduler_state_dict", "num_updates"}, huge), "is at update 1152921504606846976"));
}

TEST_CASE("a position beyond the end of an unsized range throws DataError") {
  auto state = open_window();
  entry(state, {"training_state", "run", "batch"}) = std::int64_t{1} << 50;
  auto to = hone::Trainer{tiny::Net(),          torch::nn::CrossEntropyLoss{},     hone::AdamW{.lr = 0.05},
                          hone::GradAccum<2>{}, hone::ExponentialLr{.gamma = 0.9}, patient()};
  auto unsized = tiny::batches(5) | std::views::filter([](const auto&) { return true; });
  const auto text = files::message([&] { to.resume(state.get<Dict>(), unsized); });
  CHECK(files::contains(text, "but the loader has 5"));
}

TEST_CASE("invalid states of callbacks and metrics throw DataError") {
  const auto column = [](std::vector<std::int64_t> numbers) { return torch::tensor(numbers, torch::kLong); };
  CHECK(said_of_state<hone::ClassCounts>(
            {{"hits", column({1})}, {"predicted", column({1})}, {"actual", column({1, 2})}}) ==
        "The counts of classes have different lengths. Load another file.");
  CHECK(
      said_of_state<hone::ClassCounts>({{"hits", column({-1})}, {"predicted", column({1})}, {"actual", column({1})}}) ==
      "'hits' is -1, which is not a valid count.");
  CHECK(said_of_state<hone::ConfusionMatrix>({{"counts", column({1, 2, 3})}}) ==
        "A confusion matrix of 3 numbers is not square. Load another file.");
  CHECK(said_of_state<hone::Share>({{"correct", 3}, {"total", 2}}) == "'total' is 2, which is not a valid count.");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(said_of_state<hone::Auroc::State>({{"positives", torch::tensor({1.0, nan}, torch::kDouble)},
                                           {"negatives", torch::tensor({1.0}, torch::kDouble)}}) ==
        "A score is NaN. Load another file.");
  CHECK(said_of_state<hone::EarlyStopping::State>({{"best", 1.0}, {"waited", std::numeric_limits<int>::max()}}) ==
        "'waited' is 2147483647, which is not a valid count.");
  CHECK(said_of_state<hone::ReduceOnPlateau::State>({{"best", 1.0}, {"num_bad", -1}, {"cooldown_left", 0}}) ==
        "'num_bad' is -1, which is not a valid count.");

  hone::RunHistory history;
  history.record("loss", 1.0, hone::Phase::train);
  hone::Value state = hone::state_of(history);
  auto series = state.get<Dict>().get<hone::List>("series");
  series[0].get<Dict>().set("phases", column({9}));
  state.get<Dict>().set("series", series);
  CHECK(said_of_state<hone::RunHistory>(state.get<Dict>()) ==
        "'series': A record of the metric `loss` has the phase 9, which does not exist. Load another file.");
}

TEST_CASE("a folder that is a file or not writable throws with its name when the run starts") {
  const TemporaryFolder folder;
  files::write(folder / "file", "x");
  CHECK(files::contains(refusal(folder / "file"),
                        "Cannot create the folder " + (folder / "file").string() + ": a file has that name"));
  CHECK(files::contains(refusal(folder / "file/states"), "Cannot create the folder"));
  CHECK(files::read(folder / "file") == "x");

  run(folder / "states");
  const auto names = files::read(*hone::latest_training_state(folder / "states"));
  std::filesystem::permissions(folder / "states", std::filesystem::perms(0555));
  std::filesystem::permissions(folder / "states/.lock", std::filesystem::perms(0444));
  CHECK(succeeds([&] {
    constexpr uid_t nobody = 65534;  // because root can write anywhere
    if (geteuid() == 0 && seteuid(nobody) != 0) return false;
    return files::contains(
        refusal(folder / "states", folder / "states"),
        "Cannot write to the folder " + (folder / "states").string() + ": Permission denied. Choose another folder.");
  }));
  std::filesystem::permissions(folder / "states", std::filesystem::perms::owner_all);
  CHECK(files::read(*hone::latest_training_state(folder / "states")) == names);
}

TEST_CASE("a full disk ends the run with an error, and the run can be resumed from the last state") {
  const TemporaryFolder whole, full;
  const auto history = run(whole.path);
  CHECK(succeeds([&] {
    auto stopped = trainer(full.path);
    auto limited = options();
    limited.max_updates = 2;
    stopped.train(tiny::dataset(), tiny::dataset(8), limited);
    return true;
  }));
  const auto names = full.names();
  CHECK(succeeds([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto text = refusal(full.path, full.path);
    return files::contains(
        text, "cannot be written: File too large. Free disk space or raise the limit. Nothing was changed.");
  }));
  CHECK(full.names() == names);
  CHECK((run(full.path, full.path) == history));
}

TEST_CASE("the second of two processes that save into one folder throws") {
  const TemporaryFolder folder;
  int ready[2], go_on[2];
  REQUIRE(pipe(ready) == 0);
  REQUIRE(pipe(go_on) == 0);
  const auto other = fork();
  if (other == 0) {
    hone::Trainer first{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::AdamW{.lr = 0.05},
                        hone::SaveTrainingState{.save_dir = folder.path, .save_every_n_updates = 1},
                        hone::on<hone::ResumePoint>([&](const auto& event) {
                          char byte = 'x';
                          if (event.run.num_updates() != 2 || event.run.batch() == 0) return;
                          if (::write(ready[1], &byte, 1) != 1 || ::read(go_on[0], &byte, 1) != 1) _exit(2);
                        })};
    first.train(tiny::dataset(), {.per_device_batch_size = 3});
    _exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  const auto before = files::read(folder / "epoch_0_update_2.pt");
  CHECK(refusal(folder.path, folder.path) ==
        "Another run is saving to the folder " + folder.path.string() + ". Use a separate folder for each run.");
  CHECK(files::read(folder / "epoch_0_update_2.pt") == before);
  REQUIRE(::write(go_on[1], "x", 1) == 1);
  int status = -1;
  waitpid(other, &status, 0);
  CHECK(status == 0);
  CHECK(hone::latest_training_state(folder.path) == folder / "epoch_1_update_4.pt");
  CHECK(files::contains(refusal(folder.path), "is later than the beginning of this run"));
}

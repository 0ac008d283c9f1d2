// SPDX-License-Identifier: Apache-2.0
/// Tests of saving in which each system call fails once with each error that a disk may report.
#include <fcntl.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "checkpoint/files.hpp"
#include "fail_writes.hpp"
#include "hone/checkpoint/safetensors.hpp"
#include "hone/hone.hpp"
#include "support/captured.hpp"
#include "support/catch.hpp"

namespace {

const std::vector<int> errors{ENOSPC, EDQUOT, EIO, EROFS, EACCES, EEXIST, ENOENT};

struct Net : torch::nn::Module {
  torch::nn::Linear fc = register_module("fc", torch::nn::Linear(400, 200));  // large enough for several writes
  torch::Tensor forward(const torch::Tensor& x) { return fc(x); }
};

auto data() { return hone::TensorDataset{torch::ones({8, 400}), torch::ones({8, 200})}; }

auto make_trainer() {
  return hone::Trainer{std::make_shared<Net>(), torch::nn::MSELoss{}, hone::Sgd{.lr = 1e-3, .momentum = 0.9}};
}

std::size_t num_files(const files::fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(files::fs::directory_iterator(folder), files::fs::directory_iterator()));
}

struct Outcome {
  int num_calls = 0;
  std::string call;                  // the call that failed, or empty
  std::optional<std::string> error;  // thrown by the save
};

Outcome with_failing_call(int nth, int error, const std::function<void()>& save) {
  Outcome outcome;
  fail_nth_call(nth, error);
  try {
    save();
    outcome.num_calls = stop_failing();
  } catch (const hone::DataError& problem) {
    outcome.num_calls = stop_failing();
    outcome.error = problem.what();
  }
  if (failed_call() != nullptr) outcome.call = failed_call();
  return outcome;
}

/// Checks `save(path)`, which overwrites a file, with a failure of each of its calls.
void check_every_call(const std::function<void(const files::fs::path&)>& save) {
  const files::Folder folder;
  const auto path = folder / "f";
  save(path);
  const auto whole = files::read(path);
  const std::string old = "the old file";
  int num_calls = 0;
  for (const int error : errors) {
    for (int nth = 1;; ++nth) {
      files::write(path, old);
      const auto outcome = with_failing_call(nth, error, [&] { save(path); });
      if (outcome.call.empty()) {
        num_calls = nth - 1;
        break;
      }
      INFO("call " << nth << ", " << outcome.call << ", fails with " << std::generic_category().message(error));
      CHECK(num_files(folder.path) == 1);
      const bool is_named_already = outcome.error && files::contains(*outcome.error, "was written, but");
      CHECK(files::read(path) == (outcome.error && !is_named_already ? old : whole));
      if (!outcome.error) {
        // A close comes after the bytes are on the disk. The listing of the folder only serves to remove old files.
        CHECK((outcome.call == "close" || outcome.call == "open"));
        continue;
      }
      CHECK(files::contains(*outcome.error, path.string()));
      CHECK(files::contains(*outcome.error, std::generic_category().message(error)));
    }
  }
  CHECK(num_calls >= 8);

  // Calls that are interrupted or write less than requested are repeated.
  for (const int error : {EINTR, faults::short_write}) {
    for (int nth = 1;; ++nth) {
      files::write(path, old);
      const auto outcome = with_failing_call(nth, error, [&] { save(path); });
      if (outcome.call.empty()) break;
      INFO("call " << nth << ", " << outcome.call << ", is cut short");
      if (error == EINTR && outcome.call == "rename") continue;  // rename never returns EINTR
      CHECK_FALSE(outcome.error);
      CHECK(files::read(path) == whole);
      CHECK(num_files(folder.path) == 1);
    }
  }
}

/// Makes a call of the save after update `at_update` fail.
struct FailNextSave {
  std::int64_t at_update = 0;
  int nth = 4;
  void on_resume_point(const auto& event) {
    if (event.run.num_updates() == at_update) fail_nth_call(nth, ENOSPC);
  }
};

std::string names(const files::fs::path& folder) {
  std::string result;
  for (const auto& file : hone::training_states_in(folder)) result += file.path.stem().string() + " ";
  return result;
}

}  // namespace

TEST_CASE("a checkpoint is written completely or not at all, whichever system call fails") {
  auto trainer = make_trainer();
  check_every_call([&](const files::fs::path& path) { trainer.save_checkpoint(path); });
}

TEST_CASE("a training state is written completely or not at all, whichever system call fails") {
  auto trainer = make_trainer();
  trainer.train(data(), {.num_epochs = 1, .per_device_batch_size = 4});
  check_every_call([&](const files::fs::path& path) { trainer.save_training_state(path); });
}

TEST_CASE("a safetensors file is written completely or not at all, whichever system call fails") {
  const Net net;
  check_every_call([&](const files::fs::path& path) { hone::write_safetensors(path, hone::state_dict(net)); });
}

TEST_CASE("no file is created if a system call fails") {
  auto trainer = make_trainer();
  const files::Folder folder;
  for (int nth = 1;; ++nth) {
    const auto outcome = with_failing_call(nth, ENOSPC, [&] { trainer.save_checkpoint(folder / "f"); });
    if (outcome.call.empty()) break;
    if (outcome.error && !files::contains(*outcome.error, "was written, but")) CHECK(num_files(folder.path) == 0);
    files::fs::remove(folder / "f");
  }
}

TEST_CASE("a training state that cannot be written ends the run, and the previous state is the latest") {
  const files::Folder folder;
  auto trainer =
      hone::Trainer{std::make_shared<Net>(), torch::nn::MSELoss{}, hone::Sgd{.lr = 1e-3}, FailNextSave{.at_update = 4},
                    hone::SaveTrainingState{.save_dir = folder / "states", .save_every_n_updates = 2}};
  const auto text = files::message([&] { trainer.train(data(), {.num_epochs = 4, .per_device_batch_size = 4}); });
  stop_failing();
  CHECK(files::contains(
      text, "epoch_1_update_4.pt cannot be written: No space left on device. Free disk space or raise the limit."));
  CHECK(names(folder / "states") == "epoch_0_update_2 ");
  // The run resumes from this state.
  trainer.callbacks().get<FailNextSave>().at_update = -1;
  trainer.resume(folder / "states", data(), {.num_epochs = 4, .per_device_batch_size = 4});
  CHECK(names(folder / "states").ends_with("epoch_4_update_8 "));
}

TEST_CASE("with SaveError::warn, the run continues and writes the next state") {
  const files::Folder folder;
  hone::Captured output;
  auto trainer =
      hone::Trainer{std::make_shared<Net>(), torch::nn::MSELoss{}, hone::Sgd{.lr = 1e-3}, FailNextSave{.at_update = 3},
                    hone::SaveTrainingState{.save_dir = folder / "states",
                                            .save_every_n_updates = 1,
                                            .on_error = hone::SaveError::warn,
                                            .output = output.file()}};
  trainer.train(data(), {.num_epochs = 2, .per_device_batch_size = 4});
  stop_failing();
  CHECK(trainer.run().num_updates() == 4);
  const auto text = output.text();
  CHECK(files::contains(text, "SaveTrainingState failed to save: "));
  CHECK(files::contains(text, "No space left on device"));
  CHECK(names(folder / "states") == "epoch_0_update_1 epoch_0_update_2 epoch_1_update_4 epoch_2_update_4 ");
}

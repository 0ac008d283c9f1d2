// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/progress_bar.hpp"

#include <fcntl.h>

#include <cstdlib>
#include <regex>
#include <string>
#include <type_traits>
#include <vector>

#include "hone/callbacks/callback_set.hpp"
#include "support/captured.hpp"
#include "support/catch.hpp"
#include "support/fake_step.hpp"
#include "support/run_driver.hpp"

using namespace hone;
using namespace std::chrono_literals;

namespace {

static_assert(std::is_aggregate_v<ProgressBar>);
static_assert(checked_callback<ProgressBar>);

using Set = CallbackSet<ProgressBar>;

/// A bar that prints one line per epoch, however long the test takes.
ProgressBar one_line(std::FILE* output) { return {.output = output, .line_interval = 24h}; }

/// Lets time pass without waiting: shifts the times that the bar has recorded into the past.
void advance(Set& set, std::chrono::hours time) {
  auto& bar = set.get<ProgressBar>().state.train;
  for (auto* recorded : {&bar.opened, &bar.looked, &bar.drawn}) *recorded -= time;
}

void train_steps(Set& set, RunDriver& driver, int first, int last, int* num_reads = nullptr) {
  for (int step = first; step < last; ++step) {
    driver.set_batch(step);
    tell_step<TrainStepEnd>(set, driver.run, {{0.5, num_reads}, 1});
  }
  driver.set_batch(last);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines{""};
  for (const char c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  lines.pop_back();
  return lines;
}

/// Returns whether `text` matches `pattern`, in which RATE and TIME match any rate and any duration.
bool matches(const std::string& text, std::string pattern) {
  pattern = std::regex_replace(pattern, std::regex("RATE"), R"(\d\S* it/s)");
  pattern = std::regex_replace(pattern, std::regex("TIME"), R"((?:\d+\.\d s|[\d:]+))");
  return std::regex_match(text, std::regex(pattern));
}

/// A pseudo-terminal, with both of its ends.
class Terminal {
 public:
  Terminal() : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    if (grantpt(master_) == 0 && unlockpt(master_) == 0) file_ = std::fopen(ptsname(master_), "w");
    fcntl(master_, F_SETFL, O_NONBLOCK);
  }
  ~Terminal() {
    if (file_) std::fclose(file_);
    close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] std::FILE* file() { return file_; }
  [[nodiscard]] std::string text() {
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = read(master_, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
    return text;
  }

 private:
  int master_;
  std::FILE* file_ = nullptr;
};

/// Returns whether there are pseudo-terminals, and warns if there are none.
bool is_available(Terminal& terminal) {
  if (terminal.file() == nullptr) WARN("skipped: this machine has no pseudo-terminals");
  return terminal.file() != nullptr;
}

}  // namespace

TEST_CASE("without a terminal, a short epoch prints one line with the mean loss") {
  RunDriver driver;
  driver.set_num_batches(1000);
  Captured output;
  int num_reads = 0;
  Set set{one_line(output.file())};
  set.notify(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 1000, &num_reads);
  CHECK(output.text().empty());
  CHECK(num_reads == 0);
  set.notify(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(matches(output.text(), R"(epoch 1 train 1000/1000 \(100 %\)  loss 0\.25  RATE  TIME\n)"));
}

TEST_CASE("without a terminal, a long epoch prints a line for each tenth") {
  RunDriver driver;
  driver.set_num_batches(50);
  Captured output;
  Set set{ProgressBar{.output = output.file(), .min_interval = 0ms, .line_interval = 0ms}};
  set.notify(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 50);
  set.notify(TrainEpochEnd{{driver.run}, 0.25});
  const auto lines = lines_of(output.text());
  REQUIRE(lines.size() == 10);
  CHECK(matches(lines[3], R"(epoch 1 train 20/50 \(40 %\)  loss 0\.5  RATE  TIME, TIME left)"));
  CHECK(matches(lines[9], R"(epoch 1 train 50/50 \(100 %\)  loss 0\.25  RATE  TIME)"));
}

TEST_CASE("without a known number of batches, the bar shows a count and a rate") {
  RunDriver driver;
  Captured output;
  Set set{ProgressBar{.output = output.file(), .min_interval = 0ms, .line_interval = 0ms, .label = "digits"}};
  set.notify(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 1);
  CHECK(matches(output.text(), R"(digits epoch 1 train 1  loss 0\.5  RATE  TIME\n)"));
  set.notify(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(matches(output.text(), R"(digits epoch 1 train 1  loss 0\.25  RATE  TIME\n)"));
}

TEST_CASE("the bar counts every batch although it does not read the clock for every batch") {
  const int num_steps = GENERATE(1, 2, 3, 7, 64, 65, 127, 1000, 12345);
  RunDriver driver;
  Captured output;
  Set set{one_line(output.file())};
  set.notify(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, num_steps);
  set.notify(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(output.text().starts_with("epoch 1 train " + std::to_string(num_steps) + "  loss"));
}

TEST_CASE("a run resumed within an epoch shows the batch number of the epoch") {
  RunDriver driver;
  driver.set_num_batches(200);
  Captured output;
  Set set{one_line(output.file())};
  set.notify(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 150, 200);
  set.notify(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(output.text().starts_with("epoch 1 train 200/200 (100 %)  loss"));
}

TEST_CASE("an epoch without batches prints one line") {
  RunDriver driver;
  driver.set_num_batches(0);
  Captured output;
  Set set{one_line(output.file())};
  set.notify(TrainEpochStart{{driver.run}});
  set.notify(TrainEpochEnd{{driver.run}, 0.0});
  CHECK(output.text() == "epoch 1 train 0  loss 0\n");
}

TEST_CASE("an evaluation has a separate bar, also within an epoch of training") {
  RunDriver driver;
  driver.set_num_batches(4);
  Captured output;
  Set set{one_line(output.file())};
  set.notify(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 2);
  driver.set_phase(Phase::eval);
  set.notify(EvalEpochStart{{driver.run}});
  for (int step = 0; step < 4; ++step) {
    driver.set_batch(step);
    tell_step<EvalStepEnd>(set, driver.run, {{0.5}, 1});
  }
  set.notify(EvalEpochEnd{{driver.run}, 0.75});
  CHECK(output.text().starts_with("epoch 1 eval 4/4 (100 %)  loss 0.75  "));
  driver.set_phase(Phase::train);
  train_steps(set, driver, 2, 4);
  set.notify(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(output.text().starts_with("epoch 1 train 4/4 (100 %)  loss 0.25  "));

  driver.set_phase(Phase::evaluation);
  set.notify(EvalEpochStart{{driver.run}});
  set.notify(EvalEpochEnd{{driver.run}, 1.5});
  CHECK(output.text().starts_with("evaluation 0/4 (0 %)  loss 1.5"));
}

TEST_CASE("a bar that ends early prints its last line once") {
  RunDriver driver;
  driver.set_num_batches(10);
  Captured output;
  Set set{one_line(output.file())};
  set.notify(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 3);
  SECTION("by a stop") { set.notify(StopTraining{{driver.run}}); }
  SECTION("by an exception") { set.notify(ExceptionThrown{{driver.run}, nullptr}); }
  SECTION("by the end of the run") { set.notify(TrainingRunEnd{{driver.run}}); }
  CHECK(output.text().starts_with("epoch 1 train 3/10 (30 %)  "));
  set.notify(TrainEpochEnd{{driver.run}, 0.25});
  set.notify(TrainingRunEnd{{driver.run}});
  CHECK(output.text().empty());
}

TEST_CASE("ProgressBar prints, and reads the loss, on rank 0 only") {
  RunDriver driver;
  driver.config().process_index = 1;
  Captured output;
  int num_reads = 0;
  Set set{ProgressBar{.output = output.file(), .min_interval = 0ms, .line_interval = 0ms}};
  set.notify(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 100, &num_reads);
  set.notify(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(output.text().empty());
  CHECK(num_reads == 0);
}

TEST_CASE("on a terminal, the bar redraws one line and ends it with the epoch") {
  RunDriver driver;
  driver.set_num_batches(4);
  Terminal terminal;
  if (!is_available(terminal)) return;
  Set set{ProgressBar{.output = terminal.file(), .width = 8, .min_interval = 0ms}};
  set.notify(TrainEpochStart{{driver.run}});
  CHECK(terminal.text() == "\r\x1b[?7lepoch 1 train [        ] 0/4\x1b[K\x1b[?7h");
  train_steps(set, driver, 0, 2);
  const auto text = terminal.text();
  const auto last = text.rfind('\r');
  CHECK(last > 0);
  CHECK(
      matches(text.substr(last),
              "\r\x1b\\[\\?7lepoch 1 train \\[####    \\] 2/4  loss 0\\.5  RATE  TIME, TIME left\x1b\\[K\x1b\\[\\?7h"));
  set.notify(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(terminal.text().ends_with("\r\n"));
}

TEST_CASE("the bar redraws at most once per min_interval and reads the loss only to redraw") {
  RunDriver driver;
  driver.set_num_batches(1'000'000);
  Terminal terminal;
  if (!is_available(terminal)) return;
  int num_reads = 0;
  Set set{ProgressBar{.output = terminal.file(), .min_interval = 1h}};
  set.notify(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 100'000, &num_reads);
  CHECK(num_reads == 0);
}

TEST_CASE("the bar redraws in time when batches become slower") {
  RunDriver driver;
  Terminal terminal;
  if (!is_available(terminal)) return;
  int num_reads = 0;
  Set set{ProgressBar{.output = terminal.file(), .min_interval = 20h}};
  set.notify(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 1000, &num_reads);
  CHECK(num_reads == 0);
  for (int step = 1000; step < 1200; ++step) {
    advance(set, 10h);
    train_steps(set, driver, step, step + 1, &num_reads);
  }
  // The bar reads the clock at most 64 batches later, then after 32, 16, 8, 4, 2 and 1. From there on, 2 batches take
  // `min_interval`.
  CHECK(num_reads >= (200 - 64 - 63) / 2);
}

TEST_CASE("an exception in an evaluation within an epoch ends the bars of the evaluation and of the epoch") {
  RunDriver driver;
  driver.set_num_batches(10);
  Captured output;
  Set set{one_line(output.file())};
  set.notify(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 4);
  driver.set_phase(Phase::intermediate_eval);
  driver.set_num_updates(700);
  driver.set_num_batches(2);
  driver.set_batch(0);
  set.notify(EvalEpochStart{{driver.run}});
  set.notify(ExceptionThrown{{driver.run}, nullptr});
  const auto lines = lines_of(output.text());
  REQUIRE(lines.size() == 2);
  CHECK(matches(lines[0], R"(update 700 eval 0/2 \(0 %\).*)"));
  CHECK(matches(lines[1], R"(epoch 1 train 4/10 \(40 %\).*)"));
}

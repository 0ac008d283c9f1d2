// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/progress_bar.hpp"

#include <fcntl.h>

#include <cstdlib>
#include <regex>
#include <string>
#include <thread>
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

bool matches(const std::string& text, const char* pattern) { return std::regex_match(text, std::regex(pattern)); }

/// Both ends of a terminal.
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

}  // namespace

TEST_CASE("where there is no terminal a quick epoch is one line, with the mean loss") {
  RunDriver driver;
  driver.set_num_batches(1000);
  Captured output;
  int num_reads = 0;
  Set set{ProgressBar{.output = output.file()}};
  set.tell(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 1000, &num_reads);
  CHECK(output.text().empty());
  CHECK(num_reads == 0);
  set.tell(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(matches(output.text(), R"(epoch 1 train 1000/1000 \(100 %\)  loss 0\.25  \d\S* it/s  \d+\.\d s\n)"));
}

TEST_CASE("where there is no terminal a long epoch has a line for each tenth") {
  RunDriver driver;
  driver.set_num_batches(50);
  Captured output;
  Set set{ProgressBar{.output = output.file(), .min_interval = 0ms, .line_interval = 0ms}};
  set.tell(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 50);
  set.tell(TrainEpochEnd{{driver.run}, 0.25});
  const auto lines = lines_of(output.text());
  REQUIRE(lines.size() == 10);
  CHECK(matches(lines[3], R"(epoch 1 train 20/50 \(40 %\)  loss 0\.5  \d\S* it/s  \d+\.\d s, \d+\.\d s left)"));
  CHECK(matches(lines[9], R"(epoch 1 train 50/50 \(100 %\)  loss 0\.25  \d\S* it/s  \d+\.\d s)"));
}

TEST_CASE("without a known length there are a count and a rate") {
  RunDriver driver;
  Captured output;
  Set set{ProgressBar{.output = output.file(), .min_interval = 0ms, .line_interval = 0ms, .label = "digits"}};
  set.tell(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 1);
  CHECK(matches(output.text(), R"(digits epoch 1 train 1  loss 0\.5  \d\S* it/s  \d+\.\d s\n)"));
  set.tell(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(matches(output.text(), R"(digits epoch 1 train 1  loss 0\.25  \d\S* it/s  \d+\.\d s\n)"));
}

TEST_CASE("every batch counts, however seldom the clock is read") {
  const int num_steps = GENERATE(1, 2, 3, 7, 64, 65, 127, 1000, 12345);
  RunDriver driver;
  Captured output;
  Set set{ProgressBar{.output = output.file()}};
  set.tell(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, num_steps);
  set.tell(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(output.text().starts_with("epoch 1 train " + std::to_string(num_steps) + "  loss"));
}

TEST_CASE("a run that continues in the middle of an epoch shows the epoch's own count") {
  RunDriver driver;
  driver.set_num_batches(200);
  Captured output;
  Set set{ProgressBar{.output = output.file()}};
  set.tell(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 150, 200);
  set.tell(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(output.text().starts_with("epoch 1 train 200/200 (100 %)  loss"));
}

TEST_CASE("an epoch without batches is no trouble") {
  RunDriver driver;
  driver.set_num_batches(0);
  Captured output;
  Set set{ProgressBar{.output = output.file()}};
  set.tell(TrainEpochStart{{driver.run}});
  set.tell(TrainEpochEnd{{driver.run}, 0.0});
  CHECK(output.text() == "epoch 1 train 0  loss 0\n");
}

TEST_CASE("evaluation has a bar of its own, inside an epoch of training too") {
  RunDriver driver;
  driver.set_num_batches(4);
  Captured output;
  Set set{ProgressBar{.output = output.file()}};
  set.tell(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 2);
  driver.set_phase(Phase::eval);
  set.tell(EvalEpochStart{{driver.run}});
  for (int step = 0; step < 4; ++step) {
    driver.set_batch(step);
    tell_step<EvalStepEnd>(set, driver.run, {{0.5}, 1});
  }
  set.tell(EvalEpochEnd{{driver.run}, 0.75});
  CHECK(output.text().starts_with("epoch 1 eval 4/4 (100 %)  loss 0.75  "));
  driver.set_phase(Phase::train);
  train_steps(set, driver, 2, 4);
  set.tell(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(output.text().starts_with("epoch 1 train 4/4 (100 %)  loss 0.25  "));

  driver.set_phase(Phase::evaluation);
  set.tell(EvalEpochStart{{driver.run}});
  set.tell(EvalEpochEnd{{driver.run}, 1.5});
  CHECK(output.text().starts_with("evaluation 0/4 (0 %)  loss 1.5"));
}

TEST_CASE("a bar that is cut short is closed where it stands, once") {
  RunDriver driver;
  driver.set_num_batches(10);
  Captured output;
  Set set{ProgressBar{.output = output.file()}};
  set.tell(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 3);
  SECTION("by a stop") { set.tell(StopTraining{{driver.run}}); }
  SECTION("by an exception") { set.tell(ExceptionThrown{{driver.run}, nullptr}); }
  SECTION("by the end of the run") { set.tell(TrainingRunEnd{{driver.run}}); }
  CHECK(output.text().starts_with("epoch 1 train 3/10 (30 %)  "));
  set.tell(TrainEpochEnd{{driver.run}, 0.25});
  set.tell(TrainingRunEnd{{driver.run}});
  CHECK(output.text().empty());
}

TEST_CASE("only the first process shows a bar") {
  RunDriver driver;
  driver.config().process_index = 1;
  Captured output;
  int num_reads = 0;
  Set set{ProgressBar{.output = output.file(), .min_interval = 0ms, .line_interval = 0ms}};
  set.tell(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 100, &num_reads);
  set.tell(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(output.text().empty());
  CHECK(num_reads == 0);
}

TEST_CASE("on a terminal one line is drawn again and again, and stays when the epoch ends") {
  RunDriver driver;
  driver.set_num_batches(4);
  Terminal terminal;
  if (!terminal.file()) return;  // this machine has no pseudo-terminals
  Set set{ProgressBar{.output = terminal.file(), .width = 8, .min_interval = 0ms}};
  set.tell(TrainEpochStart{{driver.run}});
  CHECK(terminal.text() == "\r\x1b[?7lepoch 1 train [        ] 0/4\x1b[K\x1b[?7h");
  train_steps(set, driver, 0, 2);
  const auto text = terminal.text();
  const auto last = text.rfind('\r');
  CHECK(last > 0);
  CHECK(matches(text.substr(last),
                "\r\x1b\\[\\?7lepoch 1 train \\[####    \\] 2/4  loss 0\\.5  \\d\\S* it/s  \\d+\\.\\d s, \\d+\\.\\d s "
                "left\x1b\\[K\x1b\\[\\?7h"));
  set.tell(TrainEpochEnd{{driver.run}, 0.25});
  CHECK(terminal.text().ends_with("\r\n"));
}

TEST_CASE("drawing is bound to time, and only drawing reads the loss") {
  RunDriver driver;
  driver.set_num_batches(1'000'000);
  Terminal terminal;
  if (!terminal.file()) return;
  int num_reads = 0;
  Set set{ProgressBar{.output = terminal.file(), .min_interval = 1h}};
  set.tell(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 100'000, &num_reads);
  CHECK(num_reads == 0);
}

TEST_CASE("when batches grow slow the bar follows") {
  RunDriver driver;
  Terminal terminal;
  if (!terminal.file()) return;
  int num_reads = 0;
  Set set{ProgressBar{.output = terminal.file(), .min_interval = 2ms}};
  set.tell(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 1000, &num_reads);
  num_reads = 0;
  for (int step = 1000; step < 1200; ++step) {
    std::this_thread::sleep_for(1ms);
    train_steps(set, driver, step, step + 1, &num_reads);
  }
  CHECK(num_reads >= 10);
}

TEST_CASE("an evaluation within an epoch has a bar of its own, and an exception there finishes both") {
  RunDriver driver;
  driver.set_num_batches(10);
  Captured output;
  Set set{ProgressBar{.output = output.file()}};
  set.tell(TrainEpochStart{{driver.run}});
  train_steps(set, driver, 0, 4);
  driver.set_phase(Phase::intermediate_eval);
  driver.set_num_updates(700);
  driver.set_num_batches(2);
  driver.set_batch(0);
  set.tell(EvalEpochStart{{driver.run}});
  set.tell(ExceptionThrown{{driver.run}, nullptr});
  const auto lines = lines_of(output.text());
  REQUIRE(lines.size() == 2);
  CHECK(matches(lines[0], R"(update 700 eval 0/2 \(0 %\).*)"));
  CHECK(matches(lines[1], R"(epoch 1 train 4/10 \(40 %\).*)"));
}

// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/history/run_history.hpp`.
#include "hone/history/run_history.hpp"

#include <concepts>
#include <string>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"

using hone::NamedRecord;
using hone::Phase;
using hone::Record;
using hone::RunHistory;

static_assert(std::regular<RunHistory> && std::is_nothrow_move_constructible_v<RunHistory>);

namespace {

std::string message_of(const RunHistory& history, const char* name) {
  try {
    return std::to_string(history.at(name));
  } catch (const std::out_of_range& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a new RunHistory is in epoch 1 and has no values") {
  const RunHistory history;
  CHECK(history.current_epoch() == 1);
  CHECK(history.num_updates() == 0);
  CHECK(history.names().empty());
  CHECK_FALSE(history.stop_reason().has_value());
  CHECK(history.metric_name_prefix().empty());
}

TEST_CASE("increment_epoch called twice results in epoch 3") {
  RunHistory history;
  history.increment_epoch();
  history.increment_epoch();
  CHECK(history.current_epoch() == 3);
}

TEST_CASE("increment_epoch continues from set_epoch, and setters throw for values out of range") {
  RunHistory history;
  history.set_epoch(7);
  history.increment_epoch();
  CHECK(history.current_epoch() == 8);
  CHECK_THROWS_AS(history.set_epoch(0), std::invalid_argument);
  CHECK_THROWS_AS(history.set_num_updates(-1), std::invalid_argument);
  CHECK(history.current_epoch() == 8);
}

TEST_CASE("RunHistory stores values in order with epoch, update and phase") {
  RunHistory history;
  history.set_num_updates(10);
  history.record("loss", 0.5, Phase::train);
  history.increment_epoch();
  history.set_num_updates(20);
  history.record("loss", 0.25, Phase::eval);
  const auto values = history.values("loss");
  REQUIRE(values.size() == 2);
  CHECK(values[0] == Record{0.5, 1, 10, Phase::train});
  CHECK(values[1] == Record{0.25, 2, 20, Phase::eval});
  CHECK(history.latest("loss") == 0.25);
  CHECK(history.at("loss") == 0.25);
}

TEST_CASE("reading an unknown metric does not create it") {
  RunHistory history;
  history.record("loss", 0.5, Phase::train);
  const RunHistory before = history;
  CHECK(history.values("accuracy").empty());
  CHECK_FALSE(history.latest("accuracy").has_value());
  CHECK_FALSE(history.contains("accuracy"));
  CHECK_THROWS_AS(history.at("accuracy"), std::out_of_range);
  CHECK(history.names() == std::vector<std::string>{"loss"});
  CHECK(history == before);
}

TEST_CASE("the error for an unknown metric lists the recorded metrics") {
  RunHistory history;
  CHECK(message_of(history, "f1") ==
        "No values have been recorded for the metric `f1`; nothing has been recorded yet.");
  history.record("loss", 0.5, Phase::train);
  history.record("accuracy", 0.9, Phase::eval);
  CHECK(message_of(history, "f1") ==
        "No values have been recorded for the metric `f1`; the recorded metrics are: `loss`, `accuracy`.");
}

TEST_CASE("names are in the order of their first record") {
  RunHistory history;
  for (const auto* name : {"zebra", "ant", "zebra", "mole", "ant"}) history.record(name, 1.0, Phase::train);
  CHECK(history.names() == std::vector<std::string>{"zebra", "ant", "mole"});
}

TEST_CASE("metric_name_prefix applies to record only, not to append, at or erase") {
  RunHistory history;
  history.record("loss", 1.0, Phase::eval);
  history.set_metric_name_prefix("ema_");
  history.record("loss", 2.0, Phase::eval);
  history.append("loss", {3.0, 4, 5, Phase::eval});
  CHECK(history.names() == std::vector<std::string>{"loss", "ema_loss"});
  CHECK(history.at("loss") == 3.0);
  CHECK(history.at("ema_loss") == 2.0);
  CHECK(history.erase("loss"));
  CHECK(history.names() == std::vector<std::string>{"ema_loss"});
}

TEST_CASE("an erased metric can be recorded again") {
  RunHistory history;
  history.record("loss", 1.0, Phase::train);
  CHECK(history.erase("loss"));
  CHECK_FALSE(history.erase("loss"));
  CHECK_FALSE(history.contains("loss"));
  history.record("loss", 2.0, Phase::train);
  CHECK(history.values("loss").size() == 1);
}

TEST_CASE("reset clears everything except the prefix") {
  RunHistory history;
  history.set_metric_name_prefix("a_");
  history.record("loss", 1.0, Phase::train);
  history.set_epoch(4);
  history.set_num_updates(9);
  history.set_stop_reason("enough");
  history.reset();
  RunHistory fresh;
  fresh.set_metric_name_prefix("a_");
  CHECK(history == fresh);
}

TEST_CASE("recorded_since returns the records after a revision in the order of recording") {
  RunHistory history;
  history.record("train_loss_epoch", 1.0, Phase::train);
  const auto mark = history.revision();
  CHECK(history.recorded_since(mark).empty());
  history.record("eval_loss_epoch", 2.0, Phase::eval);
  history.record("train_loss_epoch", 3.0, Phase::train);
  history.record("eval_loss_epoch", 4.0, Phase::eval);
  const std::vector<NamedRecord> expected{{"eval_loss_epoch", {2.0, 1, 0, Phase::eval}},
                                          {"train_loss_epoch", {3.0, 1, 0, Phase::train}},
                                          {"eval_loss_epoch", {4.0, 1, 0, Phase::eval}}};
  CHECK(history.recorded_since(mark) == expected);
  CHECK(history.recorded_since(0).size() == 4);
}

TEST_CASE("recorded_since is valid for a revision from before a reset") {
  RunHistory history;
  history.record("loss", 1.0, Phase::train);
  const auto mark = history.revision();
  history.reset();
  history.record("loss", 2.0, Phase::train);
  CHECK(history.recorded_since(mark).size() == 1);
}

TEST_CASE("a copy of a RunHistory is independent of the original") {
  RunHistory history;
  history.record("loss", 1.0, Phase::train);
  RunHistory copy = history;
  CHECK(copy == history);
  copy.record("loss", 2.0, Phase::train);
  CHECK(copy != history);
  CHECK(history.values("loss").size() == 1);
}

TEST_CASE("histories with the same contents are equal however they were built") {
  RunHistory a;
  a.record("extra", 0.0, Phase::train);
  a.erase("extra");
  a.record("loss", 1.0, Phase::train);
  RunHistory b;
  b.append("loss", {1.0, 1, 0, Phase::train});
  CHECK(a == b);
  b.set_stop_reason("enough");
  CHECK(a != b);
}

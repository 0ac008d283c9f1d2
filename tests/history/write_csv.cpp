// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/history/write_csv.hpp`.
#include "hone/history/write_csv.hpp"

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "support/catch.hpp"

using hone::Phase;
using hone::RunHistory;

namespace {

std::string csv_of(const RunHistory& history) {
  std::ostringstream out;
  hone::write_csv(out, history);
  return out.str();
}

// A reader of RFC 4180.
std::vector<std::vector<std::string>> rows_of(const std::string& csv) {
  std::vector<std::vector<std::string>> rows(1, {std::string()});
  bool quoted = false;
  for (std::size_t i = 0; i < csv.size(); ++i) {
    const char c = csv[i];
    if (quoted && c == '"' && i + 1 < csv.size() && csv[i + 1] == '"') {
      rows.back().back() += csv[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == ',') {
      rows.back().emplace_back();
    } else if (!quoted && c == '\n') {
      rows.push_back({std::string()});
    } else {
      rows.back().back() += c;
    }
  }
  rows.pop_back();  // the text after the last line break
  return rows;
}

}  // namespace

TEST_CASE("write_csv of an empty history writes only the header") {
  CHECK(csv_of({}) == "name,phase,epoch,update,value\n");
}

TEST_CASE("write_csv writes a line for each record, grouped by name") {
  RunHistory history;
  history.set_num_updates(1563);
  history.record("train_loss_epoch", 0.25, Phase::train);
  history.record("eval_loss_epoch", 0.5, Phase::eval);
  history.increment_epoch();
  history.set_num_updates(3126);
  history.record("train_loss_epoch", 0.125, Phase::train);
  CHECK(csv_of(history) ==
        "name,phase,epoch,update,value\n"
        "train_loss_epoch,train,1,1563,0.25\n"
        "train_loss_epoch,train,2,3126,0.125\n"
        "eval_loss_epoch,eval,1,1563,0.5\n");
}

TEST_CASE("names and values survive a round trip through CSV") {
  const std::vector<std::string> names{"plain", "a,b", "say \"so\"", "two\nlines", "\"", "größe"};
  const std::vector<double> values{
      0.1, 1.0 / 3.0, -0.0, 5e-324, std::numeric_limits<double>::max(), std::numeric_limits<double>::infinity()};
  RunHistory history;
  for (const auto& name : names) {
    for (const double value : values) history.record(name, value, Phase::evaluation);
  }
  const auto rows = rows_of(csv_of(history));
  REQUIRE(rows.size() == 1 + names.size() * values.size());
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    const auto& row = rows[i + 1];
    REQUIRE(row.size() == 5);
    CHECK(row[0] == names[i / values.size()]);
    CHECK(row[1] == "evaluation");
    CHECK(std::strtod(row[4].c_str(), nullptr) == values[i % values.size()]);
  }
}

TEST_CASE("write_csv writes NaN as nan, whatever its sign") {
  RunHistory history;
  history.record("loss", std::numeric_limits<double>::quiet_NaN(), Phase::train);
  history.record("loss", -std::numeric_limits<double>::quiet_NaN(), Phase::train);
  history.record("loss", -std::numeric_limits<double>::infinity(), Phase::train);
  CHECK(csv_of(history) ==
        "name,phase,epoch,update,value\nloss,train,1,0,nan\nloss,train,1,0,nan\nloss,train,1,0,-inf\n");
}

TEST_CASE("write_csv throws DataError if the stream fails") {
  std::ofstream closed;
  CHECK_THROWS_AS(hone::write_csv(closed, RunHistory{}), hone::DataError);
}

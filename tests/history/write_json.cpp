// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/history/write_json.hpp`.
#include "hone/history/write_json.hpp"

#include <cstdint>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>

#include "support/catch.hpp"

using hone::Phase;
using hone::RunHistory;
using nlohmann::ordered_json;

namespace {

std::string json_of(const RunHistory& history) {
  std::ostringstream out;
  hone::write_json(out, history);
  return out.str();
}

Phase phase_of(const std::string& name) {
  for (const auto phase : {Phase::train, Phase::eval, Phase::evaluation, Phase::predict}) {
    if (to_string(phase) == name) return phase;
  }
  throw std::runtime_error("no phase " + name);
}

RunHistory history_of(const ordered_json& json) {
  RunHistory history;
  history.set_epoch(json.at("current_epoch").get<std::int64_t>());
  history.set_num_updates(json.at("num_updates").get<std::int64_t>());
  if (!json.at("stop_reason").is_null()) history.set_stop_reason(json.at("stop_reason").get<std::string>());
  for (const auto& [name, series] : json.at("metrics").items()) {
    for (const auto& record : series) {
      history.append(name, {record.at("value").get<double>(), record.at("epoch").get<std::int64_t>(),
                            record.at("update").get<std::int64_t>(), phase_of(record.at("phase").get<std::string>())});
    }
  }
  return history;
}

}  // namespace

TEST_CASE("write_json of an empty history writes an object without metrics") {
  CHECK(json_of({}) == "{\"current_epoch\": 1, \"num_updates\": 0, \"stop_reason\": null, \"metrics\": {}}\n");
}

TEST_CASE("a history survives a round trip through JSON") {
  RunHistory history;
  int update = 0;
  for (const auto* name : {"plain", "a,b", "say \"so\"", "back\\slash", "two\nlines\ttab\x01", "größe", "aaa first?"}) {
    for (const double value :
         {0.1, 1.0 / 3.0, 1.0, -1e300, 1e-7, 5e-324, 1e22, 123456789.0, std::numeric_limits<double>::max()}) {
      history.set_num_updates(++update);
      history.record(name, value, update % 2 == 0 ? Phase::train : Phase::eval);
    }
    history.increment_epoch();
  }
  CHECK(history_of(ordered_json::parse(json_of(history))) == history);
  history.set_stop_reason("the loss is \"NaN\"\n");
  CHECK(history_of(ordered_json::parse(json_of(history))) == history);
}

TEST_CASE("write_json writes values that are not finite as strings") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  RunHistory history;
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), infinity, -infinity}) {
    history.record("loss", value, Phase::train);
  }
  const auto series = ordered_json::parse(json_of(history)).at("metrics").at("loss");
  CHECK(series.at(0).at("value") == "NaN");
  CHECK(series.at(1).at("value") == "Infinity");
  CHECK(series.at(2).at("value") == "-Infinity");
}

TEST_CASE("write_json throws DataError if the stream fails") {
  std::ofstream closed;
  CHECK_THROWS_AS(hone::write_json(closed, RunHistory{}), hone::DataError);
}

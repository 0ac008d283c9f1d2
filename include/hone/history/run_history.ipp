// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/serialize.hpp"
#include "hone/history/record.hpp"
#include "hone/history/run_history.hpp"

namespace hone {

HONE_INLINE void RunHistory::record(std::string_view name, double value, Phase phase) {
  append(prefix_ + std::string(name), {value, epoch_, num_updates_, phase});
}

HONE_INLINE void RunHistory::append(std::string_view name, const Record& record) {
  auto found = find(name);
  if (found == series_.end()) found = series_.insert(found, Series{std::string(name), {}, {}});
  found->records.push_back(record);
  found->revisions.push_back(revision_++);
}

HONE_INLINE std::span<const Record> RunHistory::values(std::string_view name) const {
  const auto found = find(name);
  return found == series_.end() ? std::span<const Record>{} : std::span<const Record>{found->records};
}

HONE_INLINE std::optional<double> RunHistory::latest(std::string_view name) const {
  const auto records = values(name);
  return records.empty() ? std::nullopt : std::optional{records.back().value};
}

HONE_INLINE double RunHistory::at(std::string_view name) const {
  if (const auto value = latest(name)) return *value;
  throw std::out_of_range(
      "No values have been recorded for the metric `" + std::string(name) + "`; " +
      (series_.empty() ? "nothing has been recorded yet." : "the recorded metrics are: " + listed() + "."));
}

HONE_INLINE std::vector<std::string> RunHistory::names() const {
  std::vector<std::string> all;
  all.reserve(series_.size());
  for (const auto& series : series_) all.push_back(series.name);
  return all;
}

HONE_INLINE bool RunHistory::erase(std::string_view name) {
  const auto found = find(name);
  if (found == series_.end()) return false;
  series_.erase(found);
  return true;
}

HONE_INLINE std::vector<NamedRecord> RunHistory::recorded_since(std::int64_t mark) const {
  std::vector<std::pair<std::int64_t, NamedRecord>> found;
  for (const auto& series : series_) {
    const auto first = std::lower_bound(series.revisions.begin(), series.revisions.end(), mark);
    for (auto i = static_cast<std::size_t>(first - series.revisions.begin()); i < series.records.size(); ++i) {
      found.push_back({series.revisions[i], {series.name, series.records[i]}});
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<NamedRecord> records;
  records.reserve(found.size());
  for (auto& [revision, record] : found) records.push_back(std::move(record));
  return records;
}

HONE_INLINE RunHistory RunHistory::since(std::int64_t mark) const {
  RunHistory part;
  part.epoch_ = epoch_;
  part.num_updates_ = num_updates_;
  part.prefix_ = prefix_;
  part.stop_reason_ = stop_reason_;
  for (const auto& [name, record] : recorded_since(mark)) part.append(name, record);
  return part;
}

HONE_INLINE void RunHistory::set_epoch(std::int64_t epoch) {
  if (epoch < 1) {
    throw std::invalid_argument("The epoch was set to " + std::to_string(epoch) + ". Epochs count from 1.");
  }
  epoch_ = epoch;
}

HONE_INLINE void RunHistory::set_num_updates(std::int64_t num_updates) {
  if (num_updates < 0) {
    throw std::invalid_argument("The number of updates was set to " + std::to_string(num_updates) +
                                ". Set it to 0 or greater.");
  }
  num_updates_ = num_updates;
}

HONE_INLINE void RunHistory::reset() {
  series_.clear();
  epoch_ = 1;
  num_updates_ = 0;
  stop_reason_.reset();
}

HONE_INLINE std::vector<RunHistory::Series>::iterator RunHistory::find(std::string_view name) {
  return std::find_if(series_.begin(), series_.end(), [name](const Series& series) { return series.name == name; });
}

HONE_INLINE std::vector<RunHistory::Series>::const_iterator RunHistory::find(std::string_view name) const {
  return std::find_if(series_.begin(), series_.end(), [name](const Series& series) { return series.name == name; });
}

HONE_INLINE std::string RunHistory::listed() const {
  std::string list;
  for (const auto& series : series_) list += (list.empty() ? "`" : ", `") + series.name + "`";
  return list;
}

}  // namespace hone

// SPDX-License-Identifier: Apache-2.0
/// The history of a run: named series of numbers, the current epoch and update, and the reason of an early stop.
///
/// | name used by the trainer | recorded |
/// | --- | --- |
/// | `train_loss_epoch` | after each epoch of training |
/// | `eval_loss_epoch` | after each evaluation between epochs |
/// | `evaluation_loss` | by `evaluate` |
///
/// A trainer with several losses also records each loss, under names such as `train_generator_loss_epoch`. Callbacks
/// and the user choose all other names.
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

#include "hone/core/error.hpp"
#include "hone/core/serialize.hpp"
#include "hone/history/record.hpp"

namespace hone {

/// A record together with the name that it was recorded under.
struct NamedRecord {
  std::string name;
  Record record;

  friend bool operator==(const NamedRecord&, const NamedRecord&) = default;
};

/// The metrics of a run. A value type: copies are independent.
///
/// **Cost** a linear search for the name and possibly allocations per record. Use it for values per epoch, or every
/// hundred updates, not for every step.
class RunHistory {
 public:
  /// Appends `value` to the series `metric_name_prefix() + name`, with the current epoch and number of updates.
  void record(std::string_view name, double value, Phase phase);
  /// Appends a record unchanged and without the prefix, for example to restore a history from a file.
  void append(std::string_view name, const Record& record);

  /// Returns the series, oldest value first; empty if no series has the name. Valid until the history changes.
  [[nodiscard]] std::span<const Record> values(std::string_view name) const;
  /// Returns the newest value; empty if no series has the name.
  [[nodiscard]] std::optional<double> latest(std::string_view name) const;
  /// Returns the newest value.
  ///
  /// **Errors** `std::out_of_range` if no series has the name; the message lists the names of all series.
  [[nodiscard]] double at(std::string_view name) const;
  /// Returns whether a series has the name.
  [[nodiscard]] bool contains(std::string_view name) const { return find(name) != series_.end(); }
  /// Returns the names in order of their first appearance.
  [[nodiscard]] std::vector<std::string> names() const;
  /// Removes a series, by its full name with the prefix. Returns whether it existed.
  bool erase(std::string_view name);

  /// Returns a counter that each record increments and that `reset` keeps. See `recorded_since`.
  [[nodiscard]] std::int64_t revision() const { return revision_; }
  /// Returns the records appended since `revision()` was `mark`, in this order, without removed records.
  ///
  /// **Example**
  /// ```cpp
  /// const auto mark = history.revision();
  /// history.record("accuracy", 0.9, hone::Phase::eval);
  /// for (const auto& [name, record] : history.recorded_since(mark)) fmt::print("{}: {}\n", name, record.value);
  /// // accuracy: 0.9
  /// ```
  [[nodiscard]] std::vector<NamedRecord> recorded_since(std::int64_t mark) const;

  /// Returns a separate history of the records appended since `revision()` was `mark`, with the same epoch, number of
  /// updates, prefix and stop reason.
  [[nodiscard]] RunHistory since(std::int64_t mark) const;

  /// Returns the current epoch; the first is 1.
  [[nodiscard]] std::int64_t current_epoch() const { return epoch_; }
  /// Sets the current epoch.
  /// **Errors** `std::invalid_argument` if `epoch` < 1.
  void set_epoch(std::int64_t epoch);
  void increment_epoch() { ++epoch_; }  ///< Begins the next epoch.

  /// Returns the number of optimizer updates so far.
  [[nodiscard]] std::int64_t num_updates() const { return num_updates_; }
  /// Sets the number of optimizer updates.
  /// **Errors** `std::invalid_argument` if `num_updates` < 0.
  void set_num_updates(std::int64_t num_updates);

  /// Returns the prefix that `record` adds to each name. All other functions require full names.
  [[nodiscard]] const std::string& metric_name_prefix() const { return prefix_; }
  void set_metric_name_prefix(std::string prefix) { prefix_ = std::move(prefix); }  ///< Sets this prefix.

  /// Returns the reason why the run stopped early; empty if it did not.
  [[nodiscard]] const std::optional<std::string>& stop_reason() const { return stop_reason_; }
  void set_stop_reason(std::optional<std::string> reason) { stop_reason_ = std::move(reason); }  ///< Sets this reason.

  /// Clears the metrics, the number of updates and the stop reason, and sets the epoch to 1. Keeps the prefix and
  /// `revision`.
  void reset();

  /// Saves all members to an archive of the `checkpoint` module, or loads them from it.
  void serialize(auto& archive) {
    archive("series", series_);
    serialize_count(archive, "epoch", epoch_, 1);
    serialize_count(archive, "num_updates", num_updates_);
    serialize_count(archive, "revision", revision_);
    archive("prefix", prefix_);
    archive("stop_reason", stop_reason_);
  }

  /// Compares all members except `revision` and the revisions of records. Histories with NaN values are not equal.
  friend bool operator==(const RunHistory& a, const RunHistory& b) {
    return a.epoch_ == b.epoch_ && a.num_updates_ == b.num_updates_ && a.prefix_ == b.prefix_ &&
           a.stop_reason_ == b.stop_reason_ &&
           std::equal(a.series_.begin(), a.series_.end(), b.series_.begin(), b.series_.end(),
                      [](const Series& x, const Series& y) { return x.name == y.name && x.records == y.records; });
  }

 private:
  struct Series {
    std::string name;
    std::vector<Record> records;
    std::vector<std::int64_t> revisions;  // of each record

    void serialize(auto& archive) {
      std::vector<double> values;
      std::vector<std::int64_t> epochs, updates, phases;
      for (const auto& record : records) {
        values.push_back(record.value);
        epochs.push_back(record.epoch);
        updates.push_back(record.update);
        phases.push_back(static_cast<std::int64_t>(record.phase));
      }
      archive("name", name);
      archive("values", values);
      archive("epochs", epochs);
      archive("updates", updates);
      archive("phases", phases);
      archive("revisions", revisions);
      if (!archive.is_loading) return;
      require_alike(values.size(), epochs.size(), updates.size(), phases.size(), revisions.size());
      records.clear();
      for (std::size_t i = 0; i < values.size(); ++i) {
        const auto phase = static_cast<Phase>(phases[i]);
        if (to_string(phase) == "unknown") {
          throw DataError("A record of the metric `" + name + "` has the phase " + std::to_string(phases[i]) +
                          ", which does not exist. Load another file.");
        }
        records.push_back({values[i], epochs[i], updates[i], phase});
      }
    }

   private:
    void require_alike(std::size_t size, auto... sizes) const {
      if ((true && ... && (sizes == size))) return;
      throw DataError("The columns of the metric `" + name + "` have different lengths. Load another file.");
    }
  };

  [[nodiscard]] std::vector<Series>::iterator find(std::string_view name);
  [[nodiscard]] std::vector<Series>::const_iterator find(std::string_view name) const;
  [[nodiscard]] std::string listed() const;

  std::vector<Series> series_;
  std::int64_t epoch_ = 1;
  std::int64_t num_updates_ = 0;
  std::int64_t revision_ = 0;
  std::string prefix_;
  std::optional<std::string> stop_reason_;
};

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/history/run_history.ipp"
#endif

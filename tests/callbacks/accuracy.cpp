// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/accuracy.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "hone/callbacks/callback_set.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

namespace {

/// As much of a tensor as classes need.
struct Table {
  std::vector<long> shape;
  std::vector<double> values;

  [[nodiscard]] const std::vector<long>& sizes() const { return shape; }
  [[nodiscard]] long numel() const { return static_cast<long>(values.size()); }
  [[nodiscard]] Table argmax(int) const {
    Table result{{shape[0]}, {}};
    for (auto row = values.begin(); row != values.end(); row += shape[1]) {
      result.values.push_back(static_cast<double>(std::max_element(row, row + shape[1]) - row));
    }
    return result;
  }
  [[nodiscard]] Table eq(const Table& other) const {
    Table result{shape, {}};
    for (std::size_t i = 0; i < values.size(); ++i) result.values.push_back(values[i] == other.values[i]);
    return result;
  }
  [[nodiscard]] Table sum() const {
    double total = 0.0;
    for (const double value : values) total += value;
    return {{}, {total}};
  }
  void add_(const Table& other) { values[0] += other.values[0]; }
  template <class T>
  [[nodiscard]] T item() const {
    return static_cast<T>(values.at(0));
  }
};

struct Example {
  Table data;
  Table target;
};
struct Adapted {
  BOOST_HANA_DEFINE_STRUCT(Adapted, (Table, image), (Table, digit), (std::string, file));
};
struct Output {
  Table outputs;
};

using namespace hone;

static_assert(std::is_aggregate_v<Accuracy>);
static_assert(checked_callback<Accuracy>);

template <class Batch>
void evaluate(auto& set, Run& run, const Batch& batch, const Output& output) {
  set.tell(Told<EvalStepEnd, WithBatch<const Batch>, WithOutput<Output>>{{{run}}, {batch}, {output}});
}

const Output rows{{{3, 2}, {0.9, 0.1, 0.2, 0.8, 0.3, 0.7}}};  // classes 0, 1, 1
const Table target{{3}, {0, 1, 0}};
const Output last_row{{{1, 2}, {0.9, 0.1}}};
const Table last_target{{1}, {0}};

template <class Batch>
std::optional<double> accuracy_of(const Batch& batch) {
  RunDriver driver;
  driver.set_phase(Phase::eval);
  CallbackSet<Accuracy> set{Accuracy{}};
  set.tell(EvalEpochStart{{driver.run}});
  evaluate(set, driver.run, batch, rows);
  set.tell(EvalEpochEnd{{driver.run}, 0.0});
  return driver.run.history().latest("eval_accuracy_epoch");
}

}  // namespace

TEST_CASE("each sample counts the same, in a short last batch too") {
  RunDriver driver;
  driver.set_phase(Phase::eval);
  CallbackSet<Accuracy> set{Accuracy{}};
  for (int epoch = 0; epoch < 2; ++epoch) {
    set.tell(EvalEpochStart{{driver.run}});
    evaluate(set, driver.run, std::pair{Table{}, target}, rows);
    evaluate(set, driver.run, std::pair{Table{}, last_target}, last_row);
    set.tell(EvalEpochEnd{{driver.run}, 0.0});
    CHECK(driver.run.history().latest("eval_accuracy_epoch") == 0.75);
  }
  CHECK(driver.run.history().names() == std::vector<std::string>{"eval_accuracy_epoch"});
}

TEST_CASE("an evaluation run has a name of its own") {
  RunDriver driver;
  driver.set_phase(Phase::evaluation);
  CallbackSet<Accuracy> set{Accuracy{}};
  set.tell(EvalEpochStart{{driver.run}});
  evaluate(set, driver.run, std::pair{Table{}, last_target}, last_row);
  set.tell(EvalEpochEnd{{driver.run}, 0.0});
  CHECK(driver.run.history().latest("evaluation_accuracy") == 1.0);
  CHECK(driver.run.history().values("evaluation_accuracy")[0].phase == Phase::evaluation);
}

TEST_CASE("the target is found in every kind of batch") {
  CHECK(accuracy_of(std::pair{Table{}, target}) == Approx(2.0 / 3.0));
  CHECK(accuracy_of(std::tuple{Table{}, Table{}, target}) == Approx(2.0 / 3.0));
  CHECK(accuracy_of(std::tuple{Table{}, target, std::string{"digits"}}) == Approx(2.0 / 3.0));
  CHECK(accuracy_of(std::array{Table{}, target}) == Approx(2.0 / 3.0));
  CHECK(accuracy_of(Example{{}, target}) == Approx(2.0 / 3.0));
  CHECK(accuracy_of(Adapted{{}, target, "7.png"}) == Approx(2.0 / 3.0));
}

TEST_CASE("an evaluation that was stopped leaves nothing behind for the next") {
  RunDriver driver;
  driver.set_phase(Phase::eval);
  CallbackSet<Accuracy> set{Accuracy{}};
  set.tell(EvalEpochStart{{driver.run}});
  evaluate(set, driver.run, std::pair{Table{}, target}, rows);
  set.tell(EvalEpochStart{{driver.run}});
  evaluate(set, driver.run, std::pair{Table{}, last_target}, last_row);
  set.tell(EvalEpochEnd{{driver.run}, 0.0});
  CHECK(driver.run.history().latest("eval_accuracy_epoch") == 1.0);
}

TEST_CASE("targets of another shape are refused, not broadcast") {
  std::string message;
  try {
    accuracy_of(std::pair{Table{}, Table{{3, 2}, {1, 0, 0, 1, 1, 0}}});
  } catch (const DataError& error) {
    message = error.what();
  }
  CHECK(message ==
        "Accuracy compares predicted classes of shape [3] with targets of shape [3, 2]. Give targets that are class "
        "numbers, one to each prediction.");
}

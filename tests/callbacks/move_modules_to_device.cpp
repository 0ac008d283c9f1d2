// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/move_modules_to_device.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hone/callbacks/callback_set.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

struct Module {
  std::vector<std::string> moves{};
  void to(const std::string& device) { moves.push_back(device); }
};
using Strings = std::vector<std::string>;

static_assert(checked_callback<MoveModulesToDevice<std::shared_ptr<Module>>>);
static_assert(!handles<MoveModulesToDevice<std::shared_ptr<Module>>, TrainStepStart>);

}  // namespace

TEST_CASE("MoveModulesToDevice moves its modules to the run's device at the start of each kind of run") {
  RunDriver driver;
  driver.config().device = "cuda:1";
  const auto shared = std::make_shared<Module>();
  Module own;
  CallbackSet set{MoveModulesToDevice{shared, std::ref(own)}};
  CHECK(shared->moves.empty());
  set.notify(TrainingRunStart{{driver.run}});
  CHECK(shared->moves == Strings{"cuda:1"});
  CHECK(own.moves == Strings{"cuda:1"});
  driver.config().device = "cpu";
  set.notify(EvaluationRunStart{{driver.run}});
  set.notify(PredictRunStart{{driver.run}});
  CHECK(own.moves == Strings{"cuda:1", "cpu", "cpu"});
}

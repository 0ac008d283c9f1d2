// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/optimizer_state.hpp"

#include <torch/torch.h>

#include <array>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

const std::vector<std::string> names{"a", "b"};
const std::array<std::string_view, 1> shaped{"momentum_buffer"};

std::string message_of(const hone::OptimizerState& state, bool counts_steps) {
  const std::vector<torch::Tensor> parameters{torch::zeros({2, 3}), torch::zeros({4})};
  try {
    hone::detail::match_state(state, names, parameters, shaped, counts_steps);
  } catch (const hone::DataError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("match_state accepts entries in any order and without fields") {
  CHECK(message_of({{"b", {}}, {"a", {{"momentum_buffer", torch::zeros({2, 3})}}}}, false).empty());
  CHECK(message_of({{"a", {}}, {"b", {{"step", torch::ones({})}}}}, true).empty());
}

TEST_CASE("match_state throws DataError that lists every mismatch") {
  CHECK(
      message_of(
          {{"c", {}}, {"a", {{"momentum_buffer", torch::zeros({3, 2})}, {"exp_avg", torch::zeros({2, 3})}}}, {"a", {}}},
          false) ==
      "The optimizer state does not match the optimizer, which is unchanged: 'c' is not a parameter of this optimizer; "
      "'a' is listed twice; 'a' has 'momentum_buffer' of shape [3, 2], expected [2, 3]; 'a' has the field 'exp_avg', "
      "which this rule does not have; 'b' is missing. Load the state of an optimizer with the same rule and "
      "parameters.");
  CHECK(message_of({{"a", {{"momentum_buffer", torch::Tensor()}}}, {"b", {{"step", torch::zeros({2})}}}}, true) ==
        "The optimizer state does not match the optimizer, which is unchanged: 'a' has an undefined 'momentum_buffer'; "
        "'a' has no 'step'; 'b' has 'step' of shape [2], expected []. Load the state of an optimizer with the same "
        "rule and parameters.");
}

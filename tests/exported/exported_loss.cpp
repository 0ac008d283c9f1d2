// SPDX-License-Identifier: Apache-2.0
#include "hone/exported/exported_loss.hpp"

#include <memory>

#include "hone/callbacks/callback_set.hpp"
#include "hone/core/compatibility.hpp"
#include "support/catch.hpp"

namespace {

struct Exported : hone::detail::ExportedRequirements {
  int forward(int inputs) { return inputs; }
};
struct Eager {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct OwnBackward {
  void backward(auto&, const auto&) {}
};
struct OwnPrediction {
  int predict_batch(auto&, auto&) { return 0; }
};
struct Half {
  using slot = hone::slots::Precision;
  static hone::NoScope region(c10::Device) { return {}; }
};
struct Many {
  using slot = hone::slots::Distribution;
  static int rank() { return 0; }
  static int world_size() { return 2; }
};
struct Shuffled {
  using slot = hone::slots::MemoryFormat;
  static constexpr at::MemoryFormat format = at::MemoryFormat::ChannelsLast;
  static constexpr std::int64_t num_dims = 4;
};

using hone::Composable;
using hone::ExportedLoss;

static_assert(Composable<Exported, ExportedLoss, Optimizer>);
static_assert(
    Composable<std::shared_ptr<Exported>, ExportedLoss, Optimizer, hone::Fp32, hone::SingleProcess, OwnPrediction>);
static_assert(Composable<Eager, Loss, Optimizer, OwnBackward, Half>);
static_assert(!Composable<Eager, ExportedLoss, Optimizer>);
static_assert(!Composable<Exported, Loss, Optimizer>);
static_assert(!Composable<std::shared_ptr<Exported>, Loss, Optimizer>);
static_assert(!Composable<Exported, ExportedLoss, Optimizer, OwnBackward>);
static_assert(!Composable<Exported, ExportedLoss, Optimizer, Half>);
static_assert(!Composable<Exported, ExportedLoss, Optimizer, Many>);
static_assert(!Composable<Exported, ExportedLoss, Optimizer, Shuffled>);
static_assert(std::is_empty_v<ExportedLoss>);

}  // namespace

TEST_CASE("the requirements of an exported model are checked at compile time") { SUCCEED(); }

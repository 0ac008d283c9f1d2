// SPDX-License-Identifier: Apache-2.0
/// Data parallel training with a sharded optimizer state (ZeRO).
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <memory>
#include <type_traits>
#include <utility>

#include "hone/core/slots.hpp"
#include "hone/distributed/communicator.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gradient_reducer.hpp"
#include "hone/distributed/shard_reducer.hpp"
#include "hone/distributed/sharded_optimizer.hpp"
#include "hone/distributed/zero_requirements.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/rule.hpp"
#include "hone/policies/distribution.hpp"

namespace hone {

struct Gloo;

/// The distribution policy of data parallel training in which one rank updates each parameter and keeps its optimizer
/// state. The rank broadcasts the parameter after each update. The results of training are the same as with `Ddp`.
///
/// - `Zero<1>` shards the optimizer's state. Gradients are averaged on all ranks, as by `Ddp`.
/// - `Zero<2>` shards the gradients too: each is averaged on the rank that updates its parameter, and released on all
///   other ranks. With gradient accumulation, gradients are sent with every batch, not only with the last batch of a
///   window. Batches may leave parameters unused. The options `find_unused_parameters` and `static_graph` have no
///   effect.
///
/// With a communicator other than `Gloo`: `Zero<1, Mpi>{Mpi{}}`.
///
/// **Cost** per rank, of n: about 1/n of the optimizer's state, and with `Zero<2>` of the gradients. A parameter is
/// never split, so a very large parameter limits the savings. A broadcast of all parameters after each update, not
/// overlapped. One small all-reduce for the norm of the gradients if it is used, and one if losses are scaled, so that
/// all ranks skip an update or none does.
/// **Errors** at compile time for optimizers that are not hone's, for clipping policies that require all gradients, and
/// for precision policies with 16-bit weights; otherwise as in `Ddp`.
/// **Source** S. Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", 2020.
/// **Example** `hone::Trainer{model, loss, hone::AdamW{.lr = 1e-3}, hone::Zero<2>{hone::Gloo{}}}`
template <int stage, class Comm = Gloo>
class Zero : public Ddp<Comm>, public detail::ZeroRequirements<stage> {
  using Base = Ddp<Comm>;
  using Company = detail::ZeroRequirements<stage>;

 public:
  using slot = slots::Distribution;

  template <class... Policies>
  struct compatible_with : std::bool_constant<Base::template compatible_with<Policies...>::value &&
                                              Company::template compatible_with<Policies...>::value> {};
  template <class... Policies>
  struct incompatible_with : std::conditional_t<Base::template compatible_with<Policies...>::value,
                                                typename Company::template incompatible_with<Policies...>,
                                                typename Base::template incompatible_with<Policies...>> {};

  using Base::Base;

  /// Shards the optimizer. Collective.
  template <OptimizerRule Rule>
  [[nodiscard]] ShardedOptimizer<Rule> shard(FusedOptimizer<Rule>&& whole) {
    ShardedOptimizer<Rule> sharded(std::move(whole), this->group(), this->options().bucket_bytes);
    shards_ = sharded.shards();
    return sharded;
  }

  void before_forward(bool update_follows) {
    if constexpr (stage == 1) {
      Base::before_forward(update_follows);
    } else if (this->world_size() > 1 && !(reducer_ && reducer_->is_current())) {
      reducer_.reset();  // removes its hooks
      reducer_ = std::make_unique<ShardReducer>(this->group(), shards_, this->options());
    }
  }
  template <class Backward>
  void backward(const at::Tensor& loss, bool update_follows, Backward&& pass) {
    if constexpr (stage == 1) {
      Base::backward(loss, update_follows, std::forward<Backward>(pass));
    } else if (!reducer_) {
      pass(loss);
    } else {
      try {
        reducer_->begin();
        pass(loss);
        reducer_->finish();
      } catch (...) {
        reducer_->reset();
        throw;
      }
    }
  }
  /// A no-op for `Zero<2>`, which averages gradients with each batch.
  void average_gradients() {
    if constexpr (stage == 1) Base::average_gradients();
  }

  /// Returns whether the gradients in an open accumulation window are already averaged over all ranks.
  [[nodiscard]] bool averages_each_batch() const { return stage == 2 && this->world_size() > 1; }

  /// Returns the number of each rank, in rank order, with the same bits on every rank. Collective. **Shapes** [] to
  /// [world_size].
  [[nodiscard]] at::Tensor of_each(const at::Tensor& number) const {
    auto all = at::zeros({this->world_size()}, at::TensorOptions(at::kDouble).device(this->group().device()));
    all.select(0, this->rank()).copy_(number);
    this->group().all_reduce(all, Reduction::sum,
                             "norm or overflow of gradients");  // a number plus zeros: exact in any order
    return all;
  }

 private:
  std::shared_ptr<const Shards> shards_;
  std::unique_ptr<ShardReducer> reducer_;
};

}  // namespace hone

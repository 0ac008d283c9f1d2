// SPDX-License-Identifier: Apache-2.0
/// Data parallel training in which no process keeps all of the optimizer's state.
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
#include "hone/distributed/owner_reducer.hpp"
#include "hone/distributed/sharded_optimizer.hpp"
#include "hone/distributed/zero_company.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/rule.hpp"
#include "hone/policies/distribution.hpp"

namespace hone {

struct Gloo;

/// The distribution policy of data parallel training in which each parameter has one process that updates it and keeps
/// the optimizer's state for it; the others get the parameter after each update. What is learned is what `Ddp` learns.
///
/// - `Zero<1>` divides the optimizer's state. Gradients are averaged in all processes, as by `Ddp`.
/// - `Zero<2>` divides the gradients too: each is averaged where its parameter is updated, and gone elsewhere. With
///   gradient accumulation, gradients travel with every batch, not only with the last one of a window. Batches may
///   leave parameters out. Of the options, `find_unused_parameters` and `static_graph` mean nothing.
///
/// With a communicator other than `Gloo`: `Zero<1, Mpi>{Mpi{}}`.
///
/// **Cost** per process, of n: of the optimizer's state about 1/n, and with `Zero<2>` of the gradients too; whole
/// parameters are dealt out, so one that is larger than the rest sets a limit. A broadcast of all parameters after each
/// update, which nothing hides. One small sum over the processes where the gradients' norm is asked for, and one where
/// losses are scaled, so that all skip an update or none.
/// **Errors** at compile time for optimizers that are not hone's, for clipping policies that have to see all gradients,
/// and for precision policies with weights in 16 bits; otherwise those of `Ddp`.
/// **Source** S. Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", 2020.
/// **Example** `hone::Trainer{model, loss, hone::AdamW{.lr = 1e-3}, hone::Zero<2>{hone::Gloo{}}}`
template <int stage, class Comm = Gloo>
class Zero : public Ddp<Comm>, public detail::ZeroCompany<stage> {
  using Base = Ddp<Comm>;
  using Company = detail::ZeroCompany<stage>;

 public:
  using slot = slots::Distribution;

  template <class... Policies>
  struct fits
      : std::bool_constant<Base::template fits<Policies...>::value && Company::template fits<Policies...>::value> {};
  template <class... Policies>
  struct misfit
      : std::conditional_t<Base::template fits<Policies...>::value, typename Company::template misfit<Policies...>,
                           typename Base::template misfit<Policies...>> {};

  using Base::Base;

  /// Divides the optimizer. Collective.
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
      reducer_.reset();  // takes its hooks away
      reducer_ = std::make_unique<OwnerReducer>(this->group(), shards_, this->options());
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
  /// Nothing is left to do for gradients that were averaged with their batch.
  void average_gradients() {
    if constexpr (stage == 1) Base::average_gradients();
  }

  /// Whether the gradients in an open window are those of all processes.
  [[nodiscard]] bool averages_each_batch() const { return stage == 2 && this->world_size() > 1; }

  /// The number of each process, in the order of ranks; the same in each to the last bit. **Shapes** [] to
  /// [world_size].
  [[nodiscard]] at::Tensor of_each(const at::Tensor& number) const {
    auto all = at::zeros({this->world_size()}, at::TensorOptions(at::kDouble).device(this->group().device()));
    all.select(0, this->rank()).copy_(number);
    this->group().all_reduce(all, Reduction::sum, "norm of the gradients");  // a number and zeros: exact in any order
    return all;
  }

 private:
  std::shared_ptr<const Shards> shards_;
  std::unique_ptr<OwnerReducer> reducer_;
};

}  // namespace hone

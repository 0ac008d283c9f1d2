// SPDX-License-Identifier: Apache-2.0
/// The processes that train together.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `SingleProcess` | the default: this process alone | none |
/// | `Ddp{Gloo{}}` (`hone/distributed.hpp`) | every process has the model and a share of each batch | none |
/// | `Zero<1>{Gloo{}}`, `Zero<2>{...}` | the same, and the optimizer's state, and the gradients, are divided | optimizers that are not hone's, clipping that has to see all gradients, `PureBf16`, `PureFp16` |
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/policy.hpp"

namespace hone {

/// Says who trains.
template <class P>
concept DistributedPolicy = PolicyFor<P, slots::Distribution> && requires(const P& processes) {
  { processes.rank() } -> std::convertible_to<int>;
  { processes.world_size() } -> std::convertible_to<int>;
};

/// Optional ability: numbers are summed over the processes; every process gets the sums.
template <class P>
concept SumsOverProcesses = DistributedPolicy<P> && requires(P& processes, at::Tensor values) { processes.all_reduce_sum(values); };

namespace detail {

struct SomeModel {};
struct SomeBackward {
  void operator()(const at::Tensor& loss) const;
};

}  // namespace detail

/// Optional ability: several processes learn together. All of it is collective but `fail`.
///
/// - `start(model)` comes once, before an optimizer has the model's parameters: they and its buffers become those of rank 0.
/// - `before_forward` and `backward` surround the arithmetic of a batch and hear whether an update follows it: only then must
///   the gradients agree. `backward` calls `pass(loss)`; afterwards they are the mean over the processes.
/// - `average_gradients` does that for gradients which are there already.
/// - `begin_exchange` sets numbers on their way, `end_exchange` waits and returns their sums over the processes.
/// - `share_buffers` makes the model's buffers in all processes those of rank 0.
/// - `require_agreement(what, text, remedy)` throws in every process unless all say the same.
/// - `fail` tells the others that this process leaves, and why.
template <class P>
concept ReducesGradients =
    SumsOverProcesses<P> && requires(P& processes, detail::SomeModel& model, bool update_follows, const at::Tensor& tensor,
                                     std::span<const double> numbers, std::string_view text, detail::SomeBackward pass) {
      processes.start(model);
      processes.before_forward(update_follows);
      processes.backward(tensor, update_follows, pass);
      processes.average_gradients();
      processes.begin_exchange(numbers);
      { processes.end_exchange() } -> std::convertible_to<std::span<const double>>;
      processes.share_buffers();
      { processes.gather(tensor) } -> std::same_as<std::vector<at::Tensor>>;
      { processes.gather_texts(text) } -> std::same_as<std::vector<std::string>>;
      processes.require_agreement(text, text, text);
      processes.fail(text);
    };

/// Optional ability: each process updates a part of the parameters, and has the optimizer's state and the gradients of an
/// update for these alone. Collective.
///
/// - `shard(optimizer)` makes of a bound optimizer one that looks like it from outside (see `Optimizer`): its gradients are
///   those of this process's part, which may be empty; after its `step`, all processes have the same parameters; its
///   `zero_grad` takes all gradients away.
/// - `averages_each_batch()`, where there is one, says whether the gradients of a window are averaged with each batch of it.
/// - `of_each(number)`: a tensor with the number of each process, the same bits in all of them.
template <class P>
concept ShardsOptimizer = ReducesGradients<P> && requires(P& processes, const at::Tensor& number) {
  { processes.of_each(number) } -> std::same_as<at::Tensor>;
};

namespace detail {

template <class P, class O>
struct OptimizerAmong {
  using type = O;
};
template <ShardsOptimizer P, class O>
struct OptimizerAmong<P, O> {
  using type = decltype(std::declval<P&>().shard(std::declval<O>()));
};

}  // namespace detail

/// What an optimizer is among the processes of `P`.
template <DistributedPolicy P, class O>
using OptimizerAmong = typename detail::OptimizerAmong<P, O>::type;

/// This process alone: nothing is exchanged.
struct SingleProcess {
  using slot = slots::Distribution;
  [[nodiscard]] static constexpr int rank() { return 0; }
  [[nodiscard]] static constexpr int world_size() { return 1; }
};
static_assert(DistributedPolicy<SingleProcess> && !ReducesGradients<SingleProcess> && std::is_empty_v<SingleProcess>);

}  // namespace hone

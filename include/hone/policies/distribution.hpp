// SPDX-License-Identifier: Apache-2.0
/// Policies for distributed training.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `SingleProcess` | the default: one process | none |
/// | `Ddp{Gloo{}}` (`hone/distributed.hpp`) | every rank has the model and a shard of the data | exported models, `MicroBatches`, `StepCapture` unless over NCCL |
/// | `Zero<1>{Gloo{}}`, `Zero<2>{...}` | `Ddp` with sharded optimizer state, and in stage 2 sharded gradients | as `Ddp`; optimizers that are not hone's, `Optimizers`, clipping that needs all gradients, `PureBf16`, `PureFp16`, `KeepGradients`, `StepCapture` |
#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// A policy that defines the ranks that train together.
template <class P>
concept DistributedPolicy = PolicyFor<P, slots::Distribution> && requires(const P& processes) {
  { processes.rank() } -> std::convertible_to<int>;
  { processes.world_size() } -> std::convertible_to<int>;
};

/// Optional: `all_reduce_sum(values)` sums `values` over all ranks in place. Collective.
template <class P>
concept SumsAcrossRanks =
    DistributedPolicy<P> && requires(P& processes, at::Tensor values) { processes.all_reduce_sum(values); };

namespace detail {

struct SomeModel {};
struct SomeBackward {
  void operator()(const at::Tensor& loss) const;
};

}  // namespace detail

/// Optional: trains one model on several ranks. All functions except `fail` are collective.
///
/// - `start(model)` is called once, before the optimizer is bound to the parameters. It broadcasts parameters and
///   buffers from rank 0.
/// - `before_forward(update_follows)` and `backward(loss, update_follows, pass)` are called for each batch. `backward`
///   calls `pass(loss)`. If `update_follows`, the gradients are then the mean over all ranks.
/// - `average_gradients` averages gradients that have already been computed.
/// - `begin_all_reduce_sum(numbers)` starts an asynchronous all-reduce; `end_all_reduce_sum` waits for it and returns the sums.
/// - `broadcast_buffers` broadcasts the model's buffers from rank 0.
/// - `all_gather(tensor)` and `all_gather_strings(text)` all-gather the values of all ranks, in the order of ranks.
/// - `require_agreement(what, text, remedy)` throws on every rank unless `text` is the same on all ranks.
/// - `fail(reason)` notifies all ranks that this rank leaves the group, and why.
template <class P>
concept ReducesGradients = SumsAcrossRanks<P> && requires(P& processes, detail::SomeModel& model, bool update_follows,
                                                          const at::Tensor& tensor, std::span<const double> numbers,
                                                          std::string_view text, detail::SomeBackward pass) {
  processes.start(model);
  processes.before_forward(update_follows);
  processes.backward(tensor, update_follows, pass);
  processes.average_gradients();
  processes.begin_all_reduce_sum(numbers);
  { processes.end_all_reduce_sum() } -> std::convertible_to<std::span<const double>>;
  processes.broadcast_buffers();
  { processes.all_gather(tensor) } -> std::same_as<std::vector<at::Tensor>>;
  { processes.all_gather_strings(text) } -> std::same_as<std::vector<std::string>>;
  processes.require_agreement(text, text, text);
  processes.fail(text);
};

/// Optional: each rank updates a shard of the parameters and has the optimizer state and the gradients of an update for
/// this shard only. All functions are collective, except `averages_each_batch`.
///
/// - `shard(optimizer)` converts a bound optimizer into one with the same interface (see `Optimizer`). Its gradients
///   are the ones of this rank's shard, which may be empty. After its `step`, all ranks have the same parameters. Its
///   `zero_grad` resets all gradients.
/// - `averages_each_batch()`, optional, returns whether gradients are averaged with each batch of a window.
/// - `of_each(number)` returns a tensor with the number of each rank, bitwise equal on all ranks.
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

/// The type of an optimizer under the distribution policy `P`: sharded, or `O`.
template <DistributedPolicy P, class O>
using OptimizerAmong = typename detail::OptimizerAmong<P, O>::type;

/// One process, without communication.
struct SingleProcess {
  using slot = slots::Distribution;
  [[nodiscard]] static constexpr int rank() { return 0; }
  [[nodiscard]] static constexpr int world_size() { return 1; }
};
static_assert(DistributedPolicy<SingleProcess> && !ReducesGradients<SingleProcess> && std::is_empty_v<SingleProcess>);

namespace detail::distribution_rules {

HONE_DEFINE_NAMES(all_reduce_sum);
HONE_DEFINE_NAMES(start);
HONE_DEFINE_NAMES(before_forward);
HONE_DEFINE_NAMES(backward);
HONE_DEFINE_NAMES(average_gradients);
HONE_DEFINE_NAMES(begin_all_reduce_sum);
HONE_DEFINE_NAMES(end_all_reduce_sum);
HONE_DEFINE_NAMES(broadcast_buffers);
HONE_DEFINE_NAMES(all_gather);
HONE_DEFINE_NAMES(all_gather_strings);
HONE_DEFINE_NAMES(require_agreement);
HONE_DEFINE_NAMES(fail);
HONE_DEFINE_NAMES(shard);
HONE_DEFINE_NAMES(of_each);
HONE_DEFINE_NAMES(averages_each_batch);

/// True if `P` names a function of `ReducesGradients` other than `all_reduce_sum`, or of `ShardsOptimizer`.
template <class P>
inline constexpr bool reduces =
    names_start<P> || names_before_forward<P> || names_backward<P> || names_average_gradients<P> ||
    names_begin_all_reduce_sum<P> || names_end_all_reduce_sum<P> || names_broadcast_buffers<P> || names_all_gather<P> ||
    names_all_gather_strings<P> || names_require_agreement<P> || names_fail<P> || names_shard<P> || names_of_each<P>;
template <class P>
inline constexpr bool shards = names_shard<P> || names_of_each<P>;

HONE_POLICY_NEEDS(
    has_rank, "a distribution policy", "int rank() const", requires(const P& p) {
      { p.rank() } -> std::convertible_to<int>;
    });
HONE_POLICY_NEEDS(has_world_size, "a distribution policy", "int world_size() const", DistributedPolicy<P>);
HONE_POLICY_NEEDS(has_all_reduce_sum, "a distribution policy that reduces gradients",
                  "void all_reduce_sum(at::Tensor values)",
                  !(names_all_reduce_sum<P> || reduces<P>) || SumsAcrossRanks<P>);
HONE_POLICY_NEEDS(
    has_start, "a distribution policy that reduces gradients", "void start(Model& model)",
    !reduces<P> || requires(P& p, detail::SomeModel& model) { p.start(model); });
HONE_POLICY_NEEDS(
    has_before_forward, "a distribution policy that reduces gradients", "void before_forward(bool update_follows)",
    !reduces<P> || requires(P& p, bool update_follows) { p.before_forward(update_follows); });
HONE_POLICY_NEEDS(
    has_backward, "a distribution policy that reduces gradients",
    "void backward(const at::Tensor& loss, bool update_follows, pass)",
    !reduces<P> || requires(P& p, const at::Tensor& loss, bool update_follows, SomeBackward pass) {
      p.backward(loss, update_follows, pass);
    });
HONE_POLICY_NEEDS(
    has_average_gradients, "a distribution policy that reduces gradients", "void average_gradients()",
    !reduces<P> || requires(P& p) { p.average_gradients(); });
HONE_POLICY_NEEDS(
    has_begin_exchange, "a distribution policy that reduces gradients",
    "void begin_all_reduce_sum(std::span<const double> numbers)",
    !reduces<P> || requires(P& p, std::span<const double> numbers) { p.begin_all_reduce_sum(numbers); });
HONE_POLICY_NEEDS(
    has_end_exchange, "a distribution policy that reduces gradients", "std::span<const double> end_all_reduce_sum()",
    !reduces<P> || requires(P& p) {
      { p.end_all_reduce_sum() } -> std::convertible_to<std::span<const double>>;
    });
HONE_POLICY_NEEDS(
    has_share_buffers, "a distribution policy that reduces gradients", "void broadcast_buffers()",
    !reduces<P> || requires(P& p) { p.broadcast_buffers(); });
HONE_POLICY_NEEDS(
    has_gather, "a distribution policy that reduces gradients",
    "std::vector<at::Tensor> all_gather(const at::Tensor& rows)",
    !reduces<P> || requires(P& p, const at::Tensor& rows) {
      { p.all_gather(rows) } -> std::same_as<std::vector<at::Tensor>>;
    });
HONE_POLICY_NEEDS(
    has_gather_texts, "a distribution policy that reduces gradients",
    "std::vector<std::string> all_gather_strings(std::string_view text)",
    !reduces<P> || requires(P& p, std::string_view text) {
      { p.all_gather_strings(text) } -> std::same_as<std::vector<std::string>>;
    });
HONE_POLICY_NEEDS(
    has_require_agreement, "a distribution policy that reduces gradients",
    "void require_agreement(std::string_view what, std::string_view text, std::string_view remedy)",
    !reduces<P> || requires(P& p, std::string_view text) { p.require_agreement(text, text, text); });
HONE_POLICY_NEEDS(
    has_fail, "a distribution policy that reduces gradients", "void fail(std::string_view reason)",
    !reduces<P> || requires(P& p, std::string_view reason) { p.fail(reason); });
HONE_POLICY_NEEDS(has_of_each, "a distribution policy that shards the optimizer",
                  "at::Tensor of_each(const at::Tensor& number)", !shards<P> || ShardsOptimizer<P>);
HONE_POLICY_NEEDS(has_shard, "a distribution policy that shards the optimizer", "auto shard(optimizer)",
                  !shards<P> || names_shard<P>);
HONE_POLICY_NEEDS(
    has_averages_each_batch, "a distribution policy with `averages_each_batch`", "bool averages_each_batch() const",
    !names_averages_each_batch<P> || requires(const P& p) {
      { p.averages_each_batch() } -> std::convertible_to<bool>;
    });

using All =
    Requirements<has_rank, has_world_size, has_all_reduce_sum, has_start, has_before_forward, has_backward,
                 has_average_gradients, has_begin_exchange, has_end_exchange, has_share_buffers, has_gather,
                 has_gather_texts, has_require_agreement, has_fail, has_of_each, has_shard, has_averages_each_batch>;

}  // namespace detail::distribution_rules

template <>
struct SlotRequirements<slots::Distribution> : detail::distribution_rules::All {};

}  // namespace hone

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

/// Says who trains.
template <class P>
concept DistributedPolicy = PolicyFor<P, slots::Distribution> && requires(const P& processes) {
  { processes.rank() } -> std::convertible_to<int>;
  { processes.world_size() } -> std::convertible_to<int>;
};

/// Optional ability: numbers are summed over the processes; every process gets the sums.
template <class P>
concept SumsOverProcesses =
    DistributedPolicy<P> && requires(P& processes, at::Tensor values) { processes.all_reduce_sum(values); };

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
concept ReducesGradients = SumsOverProcesses<P> && requires(P& processes, detail::SomeModel& model, bool update_follows,
                                                            const at::Tensor& tensor, std::span<const double> numbers,
                                                            std::string_view text, detail::SomeBackward pass) {
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

namespace detail::distribution_rules {

HONE_DEFINE_NAMES(all_reduce_sum);
HONE_DEFINE_NAMES(start);
HONE_DEFINE_NAMES(before_forward);
HONE_DEFINE_NAMES(backward);
HONE_DEFINE_NAMES(average_gradients);
HONE_DEFINE_NAMES(begin_exchange);
HONE_DEFINE_NAMES(end_exchange);
HONE_DEFINE_NAMES(share_buffers);
HONE_DEFINE_NAMES(gather);
HONE_DEFINE_NAMES(gather_texts);
HONE_DEFINE_NAMES(require_agreement);
HONE_DEFINE_NAMES(fail);
HONE_DEFINE_NAMES(shard);
HONE_DEFINE_NAMES(of_each);
HONE_DEFINE_NAMES(averages_each_batch);

/// Has at least one function of those that reduce gradients.
template <class P>
inline constexpr bool reduces =
    names_start<P> || names_before_forward<P> || names_backward<P> || names_average_gradients<P> ||
    names_begin_exchange<P> || names_end_exchange<P> || names_share_buffers<P> || names_gather<P> ||
    names_gather_texts<P> || names_require_agreement<P> || names_fail<P> || names_shard<P> || names_of_each<P>;
template <class P>
inline constexpr bool shards = names_shard<P> || names_of_each<P>;

HONE_POLICY_NEEDS(
    has_rank, "a distribution policy", "int rank() const", requires(const P& p) {
      { p.rank() } -> std::convertible_to<int>;
    });
HONE_POLICY_NEEDS(has_world_size, "a distribution policy", "int world_size() const", DistributedPolicy<P>);
HONE_POLICY_NEEDS(has_all_reduce_sum, "a distribution policy that reduces gradients",
                  "void all_reduce_sum(at::Tensor values)",
                  !(names_all_reduce_sum<P> || reduces<P>) || SumsOverProcesses<P>);
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
    "void begin_exchange(std::span<const double> numbers)",
    !reduces<P> || requires(P& p, std::span<const double> numbers) { p.begin_exchange(numbers); });
HONE_POLICY_NEEDS(
    has_end_exchange, "a distribution policy that reduces gradients", "std::span<const double> end_exchange()",
    !reduces<P> || requires(P& p) {
      { p.end_exchange() } -> std::convertible_to<std::span<const double>>;
    });
HONE_POLICY_NEEDS(
    has_share_buffers, "a distribution policy that reduces gradients", "void share_buffers()",
    !reduces<P> || requires(P& p) { p.share_buffers(); });
HONE_POLICY_NEEDS(
    has_gather, "a distribution policy that reduces gradients",
    "std::vector<at::Tensor> gather(const at::Tensor& rows)", !reduces<P> || requires(P& p, const at::Tensor& rows) {
      { p.gather(rows) } -> std::same_as<std::vector<at::Tensor>>;
    });
HONE_POLICY_NEEDS(
    has_gather_texts, "a distribution policy that reduces gradients",
    "std::vector<std::string> gather_texts(std::string_view text)",
    !reduces<P> || requires(P& p, std::string_view text) {
      { p.gather_texts(text) } -> std::same_as<std::vector<std::string>>;
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

// SPDX-License-Identifier: Apache-2.0
/// The primary template of `Trainer`, which is chosen for invalid template arguments. One compile-time error explains
/// the problem. It has the members of a valid trainer, so that no further errors follow. Its functions are not defined,
/// because such a program does not compile.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <type_traits>

#include "hone/callbacks/run.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/compatibility.hpp"
#include "hone/core/fixed_string.hpp"
#include "hone/core/training_state_path.hpp"
#include "hone/data/loader_options.hpp"
#include "hone/history/run_history.hpp"
#include "hone/optim/optimizer.hpp"
#include "hone/state/checkpoint_options.hpp"
#include "hone/state/resume_from.hpp"
#include "hone/step/batch_loss.hpp"
#include "hone/step/traits.hpp"
#include "hone/trainer/run_options.hpp"

namespace hone {

namespace detail {

/// A trainer with invalid template arguments.
template <class T>
concept InvalidTrainer = requires { T::is_invalid; };

/// The run of such a trainer; see `TrainingRun`.
struct InvalidRun {
  BatchOutput<at::Tensor> step(auto&&);
  bool is_over() const;
  void end_epoch();
  double mean_loss() const;
  Run& run() const;
  RunHistory end();
};

/// The callbacks of such a trainer. `get` returns a reference to any type.
template <class Set>
struct InvalidCallbacks {
  template <class C>
  C& get();
  template <FixedString label>
  decltype(auto) get() {
    return static_cast<Set*>(nullptr)->template get<label>();
  }
};

template <class O>
struct InvalidOptimizer : std::type_identity<O> {};
template <BindableOptimizer O>
struct InvalidOptimizer<O> : std::type_identity<BoundOptimizer<O>> {};

/// The first type that is neither a policy nor a list of callbacks, so it is meant as a type with overrides.
template <class... Policies>
struct InvalidOverrides : std::type_identity<NoOverrides> {};
template <class First, class... Rest>
struct InvalidOverrides<First, Rest...> : std::conditional_t<!Policy<First> && !is_callback_list<First>,
                                                             std::type_identity<First>, InvalidOverrides<Rest...>> {};

}  // namespace detail

template <class Model, class Loss, class Optimizer, class... Policies>
class Trainer {
  static_assert(checked_compatibility<Model, Loss, Optimizer, Policies...>);

  static constexpr bool is_swapped = NamesOptimizer<Loss> && !NamesOptimizer<Optimizer>;
  template <class Slot, class Default>
  using In = SelectPolicy<Slot, Default, Policies...>;
  using Path = std::filesystem::path;

 public:
  static constexpr bool is_invalid = true;  ///< Marks the type of a trainer that cannot be composed.

  template <class... Args>
  explicit Trainer(Args&&...) {}

  RunHistory train(auto&&, const TrainOptions& = {});
  RunHistory train(auto&&, auto&&, const TrainOptions& = {});
  RunHistory resume(const ResumeFrom&, auto&&, const TrainOptions& = {});
  RunHistory resume(const ResumeFrom&, auto&&, auto&&, const TrainOptions& = {});
  RunHistory evaluate(auto&&, const EvaluateOptions& = {});
  at::Tensor predict(auto&&, const EvaluateOptions& = {});
  detail::InvalidRun begin_run(const RunOptions& = {}), resume_run(const ResumeFrom&, const RunOptions& = {});
  detail::InvalidRun begin_run(auto&&, const RunOptions& = {});
  detail::InvalidRun resume_run(const ResumeFrom&, auto&&, const RunOptions& = {});

  BatchOutput<at::Tensor> step(auto&&);
  BatchOutput<at::Tensor> evaluate_batch(auto&&);
  BatchOutput<at::Tensor> train_batch_loss(auto&);
  BatchOutput<at::Tensor> eval_batch_loss(auto&);
  at::Tensor predict_batch(auto&);
  template <class Dataset>
  Dataset& create_train_dataloader(Dataset&, const LoaderOptions&);
  template <class Dataset>
  Dataset& create_eval_dataloader(Dataset&, const LoaderOptions&);
  double mean_loss() const;
  void reset_mean_loss(), train_epoch_start(), eval_epoch_start(), backward(const at::Tensor&), optimizer_step(),
      scheduler_step(), zero_grad(), finish_window(), restart_schedule();

  static constexpr bool saves_optimizer = true, schedule_drives_lr = false;
  Dict checkpoint(const CheckpointOptions& = {}), load_checkpoint(const Path&, const LoadOptions& = {}),
      training_state(const Dict& = {});
  void save_checkpoint(const Path&, const CheckpointOptions& = {}), save_training_state(const Path&, const Dict& = {}),
      load_checkpoint(const Dict&, const LoadOptions& = {}), load_training_state(const Dict&),
      load_training_state(const Path&);
  TrainingProgress place() const;

  Model& model();
  std::conditional_t<is_swapped, Optimizer, Loss>& loss();
  typename detail::InvalidOptimizer<std::conditional_t<is_swapped, Loss, Optimizer>>::type& optimizer();
  detail::InvalidCallbacks<CallbacksAmong<Policies...>>& callbacks();
  typename detail::InvalidOverrides<Policies...>::type& overrides() const;
  In<slots::Accumulation, GradAccum<1>>& accumulation();
  In<slots::Clipping, NoClip>& clipping();
  In<slots::Execution, Eager>& execution();
  In<slots::Splitting, WholeBatches>& splitting();
  In<slots::Precision, Fp32>& precision();
  In<slots::Schedule, NoSchedule>& schedule();
  const In<slots::Schedule, NoSchedule>& active_schedule() const;
  In<slots::Distribution, SingleProcess>& distribution();
  c10::Device device() const;
  Run& run() const;
  RunHistory& run_history();
  std::int64_t scheduled_updates() const;

  int rank() const, world_size() const;
  DataShard data_shard() const;
  at::Tensor all_gather(const at::Tensor&);
  void all_reduce_sum(std::span<double>), print(std::string_view) const;
  void merge_across_ranks(auto&);
  void notify(const auto&);
  template <class F>
  std::invoke_result_t<F&> on_rank_zero(F&&);
};

}  // namespace hone

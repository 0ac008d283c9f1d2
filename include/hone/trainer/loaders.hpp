// SPDX-License-Identifier: Apache-2.0
/// The loaders of a run, made from its datasets and options, and the checks of those options.
#pragma once

#include <ATen/Context.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "hone/core/format_message.hpp"
#include "hone/data/loader.hpp"
#include "hone/state/resume.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/trainer/run_options.hpp"

namespace hone::detail {

/// Returns the evaluation batches of a dataset, from the override `create_eval_dataloader` if there is one.
template <class Trainer, class Dataset>
decltype(auto) eval_loader(Trainer& trainer, Dataset& dataset, std::int64_t batch_size) {
  const LoaderOptions loader{.batch_size = batch_size, .share = trainer.data_shard()};
  return batches_from([&]() -> decltype(auto) {
    return override_or<overrides::create_eval_dataloader>(
        trainer, [&](auto& set, auto& how) -> decltype(auto) { return trainer.create_eval_dataloader(set, how); },
        dataset, loader);
  });
}

/// Returns the training batches of a dataset, from the override `create_train_dataloader` if there is one.
template <class Trainer, class Dataset>
decltype(auto) train_loader(Trainer& trainer, Dataset& dataset, const LoaderOptions& options) {
  return batches_from([&]() -> decltype(auto) {
    return override_or<overrides::create_train_dataloader>(
        trainer, [&](auto& set, auto& how) -> decltype(auto) { return trainer.create_train_dataloader(set, how); },
        dataset, options);
  });
}

/// Seeds LibTorch's generators and the order of the data with `options.seed`. Without that option, draws a seed for the
/// order, equal on all ranks, if the data is shuffled and `takes_seed` (the loader is made with a seed). Collective.
template <class Trainer>
void seed_run(Trainer& trainer, const TrainOptions& options, bool takes_seed) {
  if (options.seed) at::manual_seed(seed_of_rank(trainer, *options.seed));
  internals(trainer).resume.loader_seed = options.seed                       ? *options.seed
                                          : options.shuffles() && takes_seed ? common_seed(trainer)
                                                                             : 0;
}

/// Returns the options of the training loader. Precondition: `seed_run` was called.
template <class Trainer>
[[nodiscard]] LoaderOptions loader_options(Trainer& trainer, const TrainOptions& options) {
  return {.batch_size = options.batch_size(),
          .shuffle = options.shuffles(),
          .drop_last = options.drop_last.value_or(false),
          .seed = internals(trainer).resume.loader_seed,
          .share = trainer.data_shard()};
}
/// Returns the batch size of the evaluation: `eval_per_device_batch_size` if set, else the training batch size.
template <class TrainBatches>
[[nodiscard]] std::int64_t eval_batch_size(const TrainOptions& options, const TrainBatches& train_batches) {
  const auto as_for_training =
      options.per_device_batch_size ? options.per_device_batch_size : known_batch_size(train_batches);
  return options.eval_per_device_batch_size.value_or(as_for_training.value_or(options.batch_size()));
}

/// Throws `std::invalid_argument` for an option that has no effect because the evaluation data is a range of batches.
template <class Trainer, class EvalDataset, class Options>
void refuse_options_of_eval_loader([[maybe_unused]] const Options& options) {
  using Overrides = typename TraitsOf<Trainer>::Overrides;
  if constexpr (YieldsBatches<EvalDataset&> && !overrides::create_eval_dataloader::named<Overrides>) {
    require_not_given("eval_per_device_batch_size", options.eval_per_device_batch_size);
  }
}
/// Throws `std::invalid_argument` for options about evaluations in a run without an evaluation set.
template <class Options>
void refuse_options_of_evaluation(const Options& options) {
  const auto refuse = [](std::string_view name, std::int64_t value) {
    throw std::invalid_argument(
        format_message("{} is {}, but the run has no evaluation set. Pass one, or remove {}.", {name, value, name}));
  };
  if (options.eval_per_device_batch_size) refuse("eval_per_device_batch_size", *options.eval_per_device_batch_size);
  if (options.evaluate_every_n_epochs != 1) refuse("evaluate_every_n_epochs", options.evaluate_every_n_epochs);
  if constexpr (requires { options.num_sanity_eval_batches; }) {
    if (options.num_sanity_eval_batches > 0) refuse("num_sanity_eval_batches", options.num_sanity_eval_batches);
  }
}

/// Throws `std::invalid_argument` for invalid options of `Trainer::train`. Without an evaluation set, `EvalDataset` is
/// `std::nullptr_t`.
template <class Trainer, class Dataset, class EvalDataset>
void check_options(const TrainOptions& options) {
  using Overrides = typename TraitsOf<Trainer>::Overrides;
  options.check();
  if constexpr (YieldsBatches<Dataset> && !overrides::create_train_dataloader::named<Overrides>) {
    options.require_none_of_loader();
  }
  if constexpr (std::is_same_v<EvalDataset, std::nullptr_t>) {
    refuse_options_of_evaluation(options);
  } else {
    refuse_options_of_eval_loader<Trainer, EvalDataset>(options);
  }
}

template <class Trainer, class Dataset>
void check_evaluation([[maybe_unused]] const EvaluateOptions& options) {
  options.check();
  using Point = overrides::create_eval_dataloader;
  if constexpr (YieldsBatches<Dataset> && !Point::template named<typename TraitsOf<Trainer>::Overrides>) {
    options.require_none_of_loader();
  }
}

}  // namespace hone::detail

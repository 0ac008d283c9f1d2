// SPDX-License-Identifier: Apache-2.0
/// The loss of a trainer that only predicts, or whose overrides compute the loss.
#pragma once

namespace hone {

/// No loss function.
///
/// **Errors** at compile time, one message, if a loss is needed and no override computes it.
struct NoLoss {};

namespace detail {

template <class Batch>
struct trainer_without_loss {
  static_assert(
      sizeof(Batch*) == 0,
      "hone: this trainer has no loss, so it can only predict. Pass a loss to hone::Trainer, or write the override "
      "`train_batch_loss(trainer, batch)` or `eval_batch_loss(trainer, batch)`.");
};

template <class Optimizer>
struct trainer_without_optimizer {
  static_assert(sizeof(Optimizer*) == 0,
                "hone: this trainer has no optimizer, so it cannot train. Pass one to hone::Trainer, such as "
                "hone::AdamW{.lr = 3e-4}.");
};

}  // namespace detail

}  // namespace hone

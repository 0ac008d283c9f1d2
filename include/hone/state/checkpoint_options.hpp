// SPDX-License-Identifier: Apache-2.0
/// Options for saving and loading checkpoints.
#pragma once

#include <string>

#include "hone/checkpoint/value.hpp"
#include "hone/core/error.hpp"

namespace hone {

/// Options for the contents of a checkpoint.
struct CheckpointOptions {
  bool save_optimizer = true;  ///< Include the state of the optimizer.
  bool save_scheduler = true;  ///< Has an effect if the trainer has a schedule.
  Dict extra = {};             ///< Custom entries at top level. They replace existing entries of the same name.
};

/// Options for loading a checkpoint.
struct LoadOptions {
  bool load_optimizer = true;  ///< Has an effect if the checkpoint has an optimizer state.
  bool load_scheduler = true;  ///< Has an effect if the checkpoint has a scheduler state.
  bool strict = true;          ///< Requires the checkpoint to have exactly the model's names.
  std::string prefix = {};     ///< The prefix of the model's names in the checkpoint, such as "module." of DDP.
};

namespace detail {

/// Returns the model's state in a checkpoint.
///
/// **Errors** `DataError` for a dictionary without `model_state_dict`, which is not a checkpoint of a trainer.
inline const Value& model_state_in(const Dict& checkpoint) {
  if (const Value* found = checkpoint.find("model_state_dict")) return *found;
  throw DataError(
      "It has no 'model_state_dict', so it is not a checkpoint of a trainer. Load only the weights with "
      "hone::load_state_dict(model, hone::read_checkpoint(path)).");
}

}  // namespace detail

}  // namespace hone

// SPDX-License-Identifier: Apache-2.0
/// What a checkpoint holds, and what is loaded from one.
#pragma once

#include <string>

#include "hone/checkpoint/value.hpp"
#include "hone/core/error.hpp"

namespace hone {

/// What goes into a checkpoint.
struct CheckpointOptions {
  bool save_optimizer = true;
  bool save_scheduler = true;  ///< Where the trainer has a schedule.
  Dict extra = {};             ///< Entries of the user's own, at top level. They win over those of the same name.
};

/// What is taken from a checkpoint.
struct LoadOptions {
  bool load_optimizer = true;  ///< Where the checkpoint has it.
  bool load_scheduler = true;  ///< Where the checkpoint has it.
  bool strict = true;          ///< Every name of the model has to be in the checkpoint, and the other way round.
  std::string prefix = {};     ///< What stands before every name of the checkpoint's model: "module." of DDP.
};

namespace detail {

/// The model's part of a checkpoint.
///
/// **Errors** `DataError` for a dictionary that is no checkpoint of a trainer.
inline const Value& model_state_in(const Dict& checkpoint) {
  if (const Value* found = checkpoint.find("model_state_dict")) return *found;
  throw DataError(
      "It has no 'model_state_dict', so it is no checkpoint of a trainer. Load weights alone with "
      "hone::load_state_dict(model, hone::read_checkpoint(path)).");
}

}  // namespace detail

}  // namespace hone

// SPDX-License-Identifier: Apache-2.0
/// Training states, from which a run resumes exactly: a checkpoint (`checkpoints.hpp`) and the state of the run, such
/// as its position in the data, random number generators, history and callbacks.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/checkpoint/archive.hpp"
#include "hone/checkpoint/bytes.hpp"
#include "hone/checkpoint/generator_state.hpp"
#include "hone/checkpoint/read_training_state.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/splitmix.hpp"
#include "hone/state/checkpoints.hpp"
#include "hone/state/resume_state.hpp"
#include "hone/state/window_state.hpp"
#include "hone/step/dispatch.hpp"

namespace hone::detail {

template <class Trainer>
void serialize_epoch_position(Trainer& trainer, auto& archive) {
  auto& place = internals(trainer).resume.epoch_position;
  if constexpr (requires { archive.contains("epoch"); }) {
    place = {};
    if (!archive.contains("epoch")) return;  // saved by a version that did not record it
  }
  archive("epoch", place);
}

/// Saves or loads the state that is not in a checkpoint.
template <class Trainer>
void serialize_run(Trainer& trainer, auto& archive) {
  auto& self = internals(trainer);
  auto& parts = self.parts;
  std::int64_t version = 1;
  archive("version", version);
  if (version != 1) {
    throw DataError(format_message(
        "The training state has version {}, but this version of hone reads version 1. Use a newer version of hone.",
        {version}));
  }
  archive("run", static_cast<Run&>(self.run));
  serialize_epoch_position(trainer, archive);
  archive("loader_seed", self.resume.loader_seed);
  archive("epoch_generator", self.resume.epoch_generator);
  archive("train_loss", self.step.train_loss);
  self.resume.unfinished.serialize(archive);
  serialize_window(trainer, archive);
  const auto part = [&](const char* name, auto& thing) {
    if constexpr (requires { thing.serialize(archive); }) archive(name, thing);
  };
  if constexpr (!LossModule<typename TraitsOf<Trainer>::Loss>) part("loss", unwrap(parts.loss));
  part("precision", parts.precision);
  part("accumulation", parts.accumulation);
  part("clipping", parts.clipping);
  part("schedule", *self.step.schedule);
  part("transfer", parts.transfer);
  part("execution", parts.execution);
  part("splitting", parts.splitting);
  part("device", parts.device);
  part("distribution", parts.processes);
  part("memory_format", parts.memory_format);
  part("denormals", parts.denormals);
  part("threads", parts.threads);
  part("heap", parts.heap);
  part("overrides", parts.overrides);
  part("callbacks", parts.callbacks);
  auto generators = generator_states(parts.device.device());
  archive("generators", generators);
  if (archive.is_loading) set_generator_states(generators, parts.device.device());  // last: no draw follows
}

template <class Trainer>
[[nodiscard]] Dict run_state(Trainer& trainer) {
  StateWriter run;
  serialize_run(trainer, run);
  return run.take();
}

/// Adds to rank 0's state the differences of every other rank's state from it. Collective.
template <class Trainer>
void gather_parts(Trainer& trainer, Dict& own) {
  auto& processes = internals(trainer).parts.processes;
  const bool is_first = trainer.rank() == 0;
  own.set("rank", trainer.rank());
  const auto base = processes.all_gather_strings(is_first ? to_bytes(leaf_hashes(own)) : std::string())[0];
  const auto differences =
      processes.all_gather_strings(is_first ? std::string() : to_bytes(diff(own, from_bytes(base)).value_or(Dict())));
  if (!is_first) return;
  List others;
  for (std::size_t rank = 1; rank < differences.size(); ++rank) others.push_back(from_bytes(differences[rank]));
  own.set("other_ranks", std::move(others));
}

/// Makes a training state; see `Trainer::training_state`.
template <class Trainer>
[[nodiscard]] Dict make_training_state(Trainer& trainer, const Dict& extra) {
  using T = TraitsOf<Trainer>;
  require_savable<T>();
  auto& self = internals(trainer);
  auto& resume = self.resume;
  if (!resume.is_whole || self.activity.steps) {
    throw std::logic_error(
        "A training state was requested in the middle of a step, from which a run cannot resume. Request it in "
        "on_resume_point, or outside of a run.");
  }
  const StateBeforeEvaluation* before = resume.unfinished.resumes_before ? &*resume.unfinished.before : nullptr;
  const auto weights = [&] { return detail::weights(trainer, {}); };
  Dict state = before == nullptr ? weights() : before->with_learning_rates(self.parts.optimizer, weights);
  dispatch(trainer, SaveCheckpoint{{self.run}}, WithState<Dict>{state});
  for (const auto& [key, value] : extra) state.set(key, value);
  Dict own = before == nullptr ? run_state(trainer) : before->run();
  if constexpr (T::reduces) gather_parts(trainer, own);
  state.set("training_state", std::move(own));
  return state;
}

/// Returns the seed of this rank's random numbers. On rank 0, it is the seed of a single process.
template <class Trainer>
[[nodiscard]] std::uint64_t seed_of_rank(const Trainer& trainer, std::uint64_t seed) {
  if constexpr (TraitsOf<Trainer>::reduces) {
    if (trainer.rank() > 0) return stream_seed(seed, static_cast<std::uint64_t>(trainer.rank()));
  }
  return seed;
}

/// Restores this rank's part of a training state. A state of rank 0 contains rank 0's part in full, and the differences
/// of every other part from it in `other_ranks`. A state of another rank, given in `rank`, contains only its own part.
/// With fewer ranks than at the time of saving, rank r merges the mergeable state (see `merge_departed_ranks`) of ranks
/// r + world_size, r + 2 world_size and so on, and drops their other state. With more ranks, a new rank copies rank 0's
/// state, resets mergeable state, and seeds the generators differently.
///
/// **Errors** `DataError`, also within an accumulation window if the world size has changed.
template <class Trainer>
void read_part(Trainer& trainer, const Value& all) {
  auto& self = internals(trainer);
  const auto rank = static_cast<std::size_t>(trainer.rank());
  const auto world_size = static_cast<std::size_t>(trainer.world_size());
  const auto* const keeper = all.get<Dict>().find("rank");
  const auto* const others = all.get<Dict>().find("other_ranks");
  if (keeper != nullptr && keeper->get<std::int64_t>() != 0) {
    if (keeper->get<std::int64_t>() != trainer.rank()) {
      throw DataError(format_message("It is the state of rank {}, but this is rank {}.",
                                     {keeper->get<std::int64_t>(), trainer.rank()}));
    }
    StateReader run(all);
    return serialize_run(trainer, run);
  }
  const std::size_t num_parts = others == nullptr ? 1 : others->items().size() + 1;
  const auto part = [&](std::size_t of) { return of == 0 ? all : patched(all, others->items()[of - 1]); };
  const Value own = part(rank < num_parts ? rank : 0);
  std::vector<Value> merge_departed;
  for (auto of = rank + world_size; of < num_parts; of += world_size) merge_departed.push_back(part(of));
  std::vector<const Value*> pointers;
  for (const auto& value : merge_departed) pointers.push_back(&value);
  StateReader run(own, std::move(pointers), rank >= num_parts);
  serialize_run(trainer, run);
  if (num_parts != world_size && !self.step.window.empty()) {
    throw DataError(
        format_message("It was saved by {} processes in the middle of an accumulation window, but this run has {}.",
                       {num_parts, world_size}));
  }
  if (rank >= num_parts) {
    at::manual_seed(stream_seed(seed_of_rank(trainer, self.resume.loader_seed),
                                static_cast<std::uint64_t>(self.run.num_updates())));
  }
}

[[noreturn]] inline void refuse_training_state(const DataError& error) {
  throw DataError(
      format_message("The training state does not match this trainer: {} Use the trainer configuration that saved it.",
                     {error.what()}));
}

/// Restores the state that is not in a checkpoint, after the checkpoint's weights have been loaded.
template <class Trainer>
void restore_run(Trainer& trainer, const Dict& state) {
  try {
    read_part(trainer, state.at("training_state"));
  } catch (const DataError& error) {
    refuse_training_state(error);
  }
  dispatch(trainer, LoadCheckpoint{{internals(trainer).run}}, WithState<const Dict>{state});
}

/// Throws `DistributedError` unless all ranks resume at the same position: each reads its file separately. Collective.
template <class Trainer>
void require_same_position(Trainer& trainer, const Value* state, const std::filesystem::path& path) {
  std::string place = "none, and starts from the beginning";
  if (state != nullptr) {
    StateReader reader(state->at("training_state"));
    Run run;
    reader("run", run);
    place = format_message("one after {} epochs, {} updates and {} batches of the next epoch",
                           {run.num_epochs(), run.num_updates(), run.batch()});
  }
  internals(trainer).parts.processes.require_agreement(
      "training state", place,
      format_message("Rank {} read it from {}. Pass the same file to every process, or folders with the same files.",
                     {trainer.rank(), path.empty() ? "no file" : path.string()}));
}

/// Restores a training state outside of a run; see `Trainer::load_training_state`.
template <class Trainer>
void load_training_state(Trainer& trainer, const Dict& state) {
  auto& self = internals(trainer);
  if (!self.activity.is_idle() && !self.is_trial) {
    refuse_call("load_training_state", self.activity, "Call it before the run, or call `resume` instead of `train`.");
  }
  const auto updates = load_weights(self.parts, state, {});
  if constexpr (TraitsOf<Trainer>::has_schedule) {
    continue_schedule(trainer, updates.value_or(0), /*has_values=*/true);
  }
  restore_run(trainer, state);
}
template <class Trainer>
void load_training_state(Trainer& trainer, const std::filesystem::path& path) {
  const Value state = read_training_state(path);
  if constexpr (TraitsOf<Trainer>::reduces) require_same_position(trainer, &state, path);
  load_training_state(trainer, state.get<Dict>());
}

}  // namespace hone::detail

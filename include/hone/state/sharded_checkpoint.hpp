// SPDX-License-Identifier: Apache-2.0
/// Sharded checkpoints: directories to which each rank writes its shard of the optimizer's state. For trainers with a
/// sharded optimizer (`Zero`).
///
/// | file | contents | written by |
/// | --- | --- | --- |
/// | `checkpoint.pt` | the manifest: the names of its parts, and `version` | rank 0, last |
/// | `2-model.pt` | a checkpoint without the optimizer | rank 0 |
/// | `2-optimizer-0-of-3.pt` | `optimizer_state_dict` of some parameters, which its entry `shard` lists | each rank |
///
/// Each file has PyTorch's format. The leading number is one above the highest in the directory; older parts are
/// removed.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/checkpoint/optimizer_state_dict.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/checkpoint/write_target.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/state/checkpoints.hpp"

namespace hone {

namespace detail {

template <class Optimizer>
struct optimizer_in_one_piece {
  static_assert(sizeof(Optimizer) == 0,
                "hone: this trainer's optimizer is not sharded. Call trainer.save_checkpoint(path), or add "
                "hone::Zero<1> to the trainer.");
};

/// Returns the leading number of the name of a part; nothing for any other name.
[[nodiscard]] inline std::optional<std::int64_t> number_of_part(std::string_view name) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{}) return std::nullopt;
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  const bool is_part = name == "-model.pt" || (name.starts_with("-optimizer-") && name.ends_with(".pt"));
  return is_part ? std::optional(number) : std::nullopt;
}

/// Calls `use(path, number)` for each part of a checkpoint in a directory.
inline void for_each_part(const std::filesystem::path& folder, auto&& use) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    paths.push_back(entry->path());
  }
  for (const auto& path : paths) {
    if (const auto number = number_of_part(path.filename().string())) use(path, *number);
  }
}

/// Reads a part that the manifest names.
///
/// **Errors** `DataError` for a name that is not the name of a part in the manifest's directory.
[[nodiscard]] inline Value read_part_of(const std::filesystem::path& folder, const Value& name) {
  const auto& text = name.get<std::string>();
  if (!number_of_part(text) || text.find('/') != std::string::npos) {
    throw DataError(format_message("{} contains '{}', which is not the name of a shard. Load another copy.",
                                   {(folder / "checkpoint.pt").string(), text}));
  }
  return read_checkpoint(folder / text);
}

/// Merges the state and the list of parameters in `part` into `all`.
inline void add_part(Dict& all, const Dict& part) {
  if (all.empty()) {
    all = part;
    return;
  }
  Dict state = all.get<Dict>("state");
  for (const auto& [place, fields] : part.get<Dict>("state")) state.set(place, fields);
  Dict shard = all.get<Dict>("shard");
  List places = shard.get<List>("parameters");
  const auto more = part.at("shard").at("parameters").items();
  places.insert(places.end(), more.begin(), more.end());
  shard.set("parameters", std::move(places));
  all.set("state", std::move(state));
  all.set("shard", std::move(shard));
}

/// Returns the state that `optimizer` needs: this rank's part if world size and partition are unchanged, else all.
template <class Optimizer>
[[nodiscard]] Dict optimizer_from_parts(const std::filesystem::path& folder, std::span<const Value> names,
                                        const Optimizer& optimizer) {
  const auto read = [&](const Value& name) { return read_part_of(folder, name).template get<Dict>(); };
  if constexpr (OptimizerShard<Optimizer>) {
    if (static_cast<std::size_t>(optimizer.world_size()) == names.size()) {
      Dict own = read(names[static_cast<std::size_t>(optimizer.rank())]).template get<Dict>("optimizer_state_dict");
      if (!missing_in_part(optimizer, own.get<Dict>("shard"))) return own;
    }
  }
  Dict all;
  for (const Value& name : names) add_part(all, read(name).template get<Dict>("optimizer_state_dict"));
  return all;
}

}  // namespace detail

/// Writes a checkpoint as parts into a directory, which is created if missing, and which must be the same for all
/// ranks. Replaces the previous checkpoint in it only after all parts are written, and then removes the previous parts.
/// Collective.
///
/// **Cost** no communication of the optimizer's state.
/// **Errors** `DataError` on every rank if one of them cannot write; the previous checkpoint is unchanged then. Compile
/// error for a trainer whose optimizer is not sharded.
template <class Trainer>
void save_sharded_checkpoint(Trainer& trainer, const std::filesystem::path& folder, CheckpointOptions options = {}) {
  using Optimizer = std::remove_cvref_t<decltype(trainer.optimizer())>;
  if constexpr (!OptimizerShard<Optimizer>) {
    static_cast<void>(sizeof(detail::optimizer_in_one_piece<Optimizer>));
  } else {
    const int rank = trainer.rank(), world_size = trainer.world_size();
    const bool with_optimizer = std::exchange(options.save_optimizer, false);
    const Dict model = trainer.checkpoint(options);
    const std::int64_t number = trainer.on_rank_zero([&] {
      detail::create_folders(folder);
      std::int64_t last = 0;
      detail::for_each_part(folder, [&](const auto&, std::int64_t used) { last = std::max(last, used); });
      return last + 1;
    });
    const auto name_of_shard = [&](int of) {
      return format_message("{}-optimizer-{}-of-{}.pt", {number, of, world_size});
    };
    const auto name_of_model = format_message("{}-model.pt", {number});
    std::string problem;
    try {
      if (rank == 0) write_checkpoint(folder / name_of_model, model);
      if (with_optimizer) {
        write_checkpoint(folder / name_of_shard(rank),
                         Dict{{"optimizer_state_dict", optimizer_shard_dict(trainer.optimizer())}});
      }
    } catch (const std::exception& error) {
      problem = error.what();
    }
    const auto problems = trainer.distribution().all_gather_strings(problem);
    for (std::size_t r = 0; r < problems.size(); ++r) {
      if (problems[r].empty()) continue;
      std::error_code error;
      if (rank == 0) std::filesystem::remove(folder / name_of_model, error);
      std::filesystem::remove(folder / name_of_shard(rank), error);
      throw DataError(format_message("Rank {}: {}", {r, problems[r]}));
    }
    trainer.on_rank_zero([&] {
      List shards;
      for (int r = 0; with_optimizer && r < world_size; ++r) shards.push_back(name_of_shard(r));
      write_checkpoint(folder / "checkpoint.pt",
                       Dict{{"version", 1}, {"model", name_of_model}, {"optimizer", std::move(shards)}});
      detail::for_each_part(folder, [&](const std::filesystem::path& path, std::int64_t of) {
        std::error_code error;
        if (of != number) std::filesystem::remove(path, error);
      });
    });
  }
}

/// Loads a checkpoint of `save_sharded_checkpoint` into any trainer, with any world size, sharded or not, and returns
/// the loaded state. Not collective: each rank reads its part if world size and partition are unchanged, else all.
///
/// **Errors** as `load_checkpoint`.
template <class Trainer>
Dict load_sharded_checkpoint(Trainer& trainer, const std::filesystem::path& folder, const LoadOptions& options = {}) {
  const Value manifest = read_checkpoint(folder / "checkpoint.pt");
  if (const auto version = manifest.at("version").get<std::int64_t>(); version != 1) {
    throw DataError(
        format_message("{} has version {}, but this version of hone reads version 1. Use a newer version of hone.",
                       {(folder / "checkpoint.pt").string(), version}));
  }
  Dict state = detail::read_part_of(folder, manifest.at("model")).template get<Dict>();
  const auto shards = manifest.at("optimizer").items();
  if (options.load_optimizer && !shards.empty()) {
    state.set("optimizer_state_dict", detail::optimizer_from_parts(folder, shards, trainer.optimizer()));
  }
  try {
    trainer.load_checkpoint(state, options);
  } catch (const DataError& error) {
    throw DataError(format_message("{}: {}", {folder.string(), error.what()}));
  }
  return state;
}

}  // namespace hone

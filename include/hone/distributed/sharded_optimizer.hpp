// SPDX-License-Identifier: Apache-2.0
/// An optimizer whose state is sharded over ranks.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/distributed/partition.hpp"
#include "hone/distributed/process_group.hpp"
#include "hone/distributed/require_agreement.hpp"
#include "hone/distributed/shards.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/optimizer_state.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/optim/rule.hpp"

namespace hone {

/// A `FusedOptimizer` with one shard per rank. Each rank updates the parameters that it owns, keeps state only for
/// them, and receives all other parameters from their owners. Groups, settings and names cover all parameters.
///
/// A parameter is never split. The ranks own about the same number of bytes (`Partition`). A rank may own no parameter.
///
/// **Cost** of `step`: a broadcast of every parameter.
/// **Errors** as in `FusedOptimizer`; `DistributedError` when the ranks have different parameters, or a rank fails.
/// **Source** S. Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", 2020;
/// `torch.distributed.optim.ZeroRedundancyOptimizer`.
template <OptimizerRule Rule>
class ShardedOptimizer {
 public:
  using rule_type = Rule;

  /// Shards an optimizer and its state, which every rank passes. Collective.
  ///
  /// **Units** bucket_bytes: of the parameters, or of the state, in one message.
  ShardedOptimizer(FusedOptimizer<Rule> whole, ProcessGroup group, std::int64_t bucket_bytes)
      : whole_(std::move(whole)),
        group_(std::move(group)),
        bucket_bytes_(bucket_bytes),
        partition_(group_.world_size()),
        num_updates_(whole_.num_updates()) {
    std::string text;
    for (const auto& each : whole_.groups()) {
      NamedParameters own;
      for (std::size_t i = each.first(); i < each.first() + each.size(); ++i) {
        own.push_back({whole_.names()[i], whole_.parameters()[i]});
      }
      text += detail::description(own) + "the end of a group\n";
    }
    require_same(text);
    for (std::size_t g = 0; g < whole_.num_groups(); ++g) divide(g);
    OptimizerState remembered = whole_.state();
    if (std::ranges::all_of(remembered, [](const auto& entry) { return entry.fields.empty(); })) return;
    take_own(remembered);
    for (auto& entry : remembered) entry.fields.clear();
    whole_.load_state(remembered);
  }

  /// Adds parameters with separate settings, and shards them. Collective. If it throws, the optimizer is unchanged.
  void add_group(NamedParameters parameters, const Rule& settings) {
    require_same(detail::description(parameters));
    whole_.add_group(std::move(parameters), settings);
    divide(whole_.num_groups() - 1);
  }

  /// Returns the gradients of this rank's parameters that have one, possibly none; see `FusedOptimizer`.
  at::TensorList collect_gradients() { return own_ ? own_->collect_gradients() : at::TensorList(); }
  /// Returns the collected gradients. Calls `collect_gradients` if it has not run since the last step.
  at::TensorList gradients() { return own_ ? own_->gradients() : at::TensorList(); }

  /// Updates each owned parameter that has a gradient, then broadcasts all parameters from their owners. Collective.
  void step(const StepScaling& scaling = {}) {
    if (own_) {
      for (std::size_t g = 0; g < own_->num_groups(); ++g) {
        own_->groups()[g].settings = whole_.groups()[groups_of_own_[g]].settings;
      }
      own_->step(scaling);
    }
    ++num_updates_;
    if (group_.world_size() == 1) return;
    if (!broadcast_) broadcast_ = std::make_unique<ParameterBroadcast>(group_, *shards_, bucket_bytes_);
    broadcast_->run();
  }

  /// Releases the gradients of all parameters.
  void zero_grad() {
    if (own_) own_->zero_grad();
    whole_.zero_grad();
  }

  /// Returns the parameter groups, with the parameters of all ranks.
  [[nodiscard]] std::span<ParameterGroup<Rule>> groups() { return whole_.groups(); }
  [[nodiscard]] std::span<const ParameterGroup<Rule>> groups() const { return whole_.groups(); }
  [[nodiscard]] std::size_t num_groups() const { return whole_.num_groups(); }  ///< The number of parameter groups.
  /// The base value of learning rate schedules.
  [[nodiscard]] double base_lr(std::size_t group) const { return whole_.base_lr(group); }
  void set_base_lr(std::size_t group, double lr) { whole_.set_base_lr(group, lr); }  ///< Sets this value.
  /// The learning rate of a group.
  [[nodiscard]] double lr(std::size_t group = 0) const { return whole_.lr(group); }
  /// Sets the learning rate of a group, or of all groups.
  void set_lr(std::size_t group, double lr) { whole_.set_lr(group, lr); }
  void set_lr(double lr) { whole_.set_lr(lr); }
  [[nodiscard]] std::int64_t num_updates() const { return num_updates_; }  ///< Also before the sharding.

  /// Returns all parameters; `names` returns their names.
  [[nodiscard]] at::TensorList parameters() const { return whole_.parameters(); }
  [[nodiscard]] std::span<const std::string> names() const { return whole_.names(); }
  /// Returns all parameters with their names and owners. `add_group` extends it.
  [[nodiscard]] std::shared_ptr<const Shards> shards() const { return shards_; }

  [[nodiscard]] int rank() const { return group_.rank(); }
  [[nodiscard]] int world_size() const { return group_.world_size(); }  ///< The number of ranks of the shards.
  [[nodiscard]] std::span<const std::size_t> own_places() const { return own_places_; }  ///< Among all parameters.

  /// Returns the state by name. Rank 0 gets the whole state, with copies in host memory for parameters that it does not
  /// own. Any other rank gets the state of the parameters that it owns, and empty entries otherwise. Collective.
  ///
  /// **Cost** a broadcast of the state, in buckets.
  [[nodiscard]] OptimizerState state() const {
    OptimizerState state = own_state();
    if (group_.world_size() > 1) gather(state);
    return state;
  }
  /// Returns the state of this rank's parameters; all other entries are empty. Only `step` is a copy; modifying the
  /// rest modifies the optimizer.
  [[nodiscard]] OptimizerState own_state() const {
    OptimizerState state;
    for (const auto& name : whole_.names()) state.push_back({name, {}});
    if (!own_) return state;
    OptimizerState own = own_->state();
    for (std::size_t i = 0; i < own.size(); ++i) state[own_places_[i]].fields = std::move(own[i].fields);
    return state;
  }

  /// Copies this rank's shard of `state`, which has an entry for every parameter. Not collective.
  ///
  /// **Errors** `DataError` as in `FusedOptimizer`, on every rank that passes the same `state`.
  void load_state(const OptimizerState& state) {
    static_cast<void>(detail::match_state(state, whole_.names(), whole_.parameters(), Rule::state_names,
                                          static_cast<bool>(Rule::counts_steps)));
    take_own(state);
  }

 private:
  static constexpr std::size_t num_fields = Rule::state_names.size() + 1;  // and the number of updates

  static constexpr std::string_view field_name(std::size_t field) {
    return field < Rule::state_names.size() ? std::string_view(Rule::state_names[field]) : "step";
  }

  void require_same(std::string_view parameters) const {
    require_agreement(group_, "optimizer's parameters", parameters,
                      "Pass the optimizer the same parameters in the same order on every rank.");
  }

  void divide(std::size_t g) {
    const auto& group = whole_.groups()[g];
    std::vector<Partition::Thing> things;
    for (std::size_t i = group.first(); i < group.first() + group.size(); ++i) {
      things.push_back({whole_.names()[i], static_cast<std::int64_t>(whole_.parameters()[i].nbytes())});
    }
    const auto owners = partition_.divide(things);
    NamedParameters own;
    for (std::size_t k = 0; k < owners.size(); ++k) {
      const std::size_t i = group.first() + k;
      shards_->add(whole_.names()[i], whole_.parameters()[i], owners[k]);
      if (owners[k] != group_.rank()) continue;
      own.push_back({whole_.names()[i], whole_.parameters()[i]});
      own_places_.push_back(i);
    }
    broadcast_.reset();
    if (own.empty()) return;
    groups_of_own_.push_back(g);
    if (!own_) return static_cast<void>(own_.emplace(std::move(own), group.settings));
    own_->add_group(std::move(own), group.settings);
  }

  /// Loads this rank's shard of `state`, which has an entry for each parameter, by name.
  void take_own(const OptimizerState& state) {
    if (!own_) return;
    OptimizerState own;
    for (std::size_t i = 0; i < own_places_.size(); ++i) {
      const std::string& name = own_->names()[i];
      const auto& expected = state.at(own_places_[i]);
      const auto is_own = [&](const auto& entry) { return entry.parameter == name; };
      own.push_back(is_own(expected) ? expected : *std::ranges::find_if(state, is_own));
    }
    own_->load_state(own);
  }

  /// Gathers the fields of all parameters on rank 0.
  void gather(OptimizerState& state) const {
    const at::NoGradGuard no_gradients;
    const auto present = who_has_what(state);
    struct Piece {
      std::size_t place, field;
    };
    for (int owner = 1; owner < group_.world_size(); ++owner) {
      std::vector<Piece> pieces;
      std::int64_t bytes = 0;
      const auto send = [&] {
        if (!pieces.empty()) bring(state, owner, pieces);
        pieces.clear();
        bytes = 0;
      };
      for (std::size_t i = 0; i < shards_->owners.size(); ++i) {
        if (shards_->owners[i] != owner) continue;
        const auto& parameter = shards_->parameters[i];
        for (std::size_t f = 0; f < num_fields - 1; ++f) {
          if (present[i][f] == 0.0) continue;
          if (!pieces.empty() && (bytes + static_cast<std::int64_t>(parameter.nbytes()) > bucket_bytes_ ||
                                  shards_->parameters[pieces[0].place].scalar_type() != parameter.scalar_type())) {
            send();
          }
          pieces.push_back({i, f});
          bytes += static_cast<std::int64_t>(parameter.nbytes());
        }
      }
      send();
    }
    if (group_.rank() > 0) return;
    for (std::size_t i = 0; i < present.size(); ++i) {  // the order of `FusedOptimizer::state`: `step` first
      const double steps = present[i][num_fields - 1];
      if (shards_->owners[i] == 0 || steps == 0.0) continue;
      state[i].fields.insert(state[i].fields.begin(), {"step", at::full({}, steps - 1.0, at::kFloat)});
    }
  }

  /// Returns, on every rank, a row per parameter: 1 for each field that its owner has, and the number of its updates
  /// plus 1; else 0.
  [[nodiscard]] std::vector<std::array<double, num_fields>> who_has_what(const OptimizerState& state) const {
    std::vector<std::array<double, num_fields>> table(state.size());
    for (const std::size_t i : own_places_) {
      for (std::size_t f = 0; f < num_fields; ++f) {
        const at::Tensor* value = detail::find_field(state[i], field_name(f));
        if (value != nullptr) table[i][f] = f + 1 < num_fields ? 1.0 : value->template item<double>() + 1.0;
      }
    }
    const auto numbers =
        at::from_blob(table.data(), {static_cast<std::int64_t>(table.size() * num_fields)}, at::kDouble);
    group_.all_reduce(numbers, Reduction::sum, "gathering of the optimizer's state");
    return table;
  }

  void bring(OptimizerState& state, int owner, const auto& pieces) const {
    std::int64_t size = 0;
    for (const auto& piece : pieces) size += shards_->parameters[piece.place].numel();
    const auto& first = shards_->parameters[pieces[0].place];
    const at::Tensor flat = at::empty({size}, first.options().device(group_.device()).requires_grad(false));
    const auto for_each_part = [&](auto&& use) {
      std::int64_t at = 0;
      for (const auto& piece : pieces) {
        const auto& parameter = shards_->parameters[piece.place];
        use(piece, flat.narrow(0, at, parameter.numel()).view(parameter.sizes()));
        at += parameter.numel();
      }
    };
    if (group_.rank() == owner) {
      for_each_part([&](const auto& piece, const at::Tensor& part) {
        part.copy_(*detail::find_field(state[piece.place], field_name(piece.field)));
      });
    }
    group_.broadcast(flat, owner, "gathering of the optimizer's state");
    if (group_.rank() != 0) return;
    for_each_part([&](const auto& piece, const at::Tensor& part) {
      const auto copy =
          at::empty_like(shards_->parameters[piece.place], at::TensorOptions(at::kCPU).requires_grad(false));
      state[piece.place].fields.emplace_back(field_name(piece.field), copy.copy_(part));
    });
  }

  FusedOptimizer<Rule> whole_;  // for its lists of all parameters; its `step` is never called
  ProcessGroup group_;
  std::int64_t bucket_bytes_;
  Partition partition_;
  std::shared_ptr<Shards> shards_ = std::make_shared<Shards>();
  std::optional<FusedOptimizer<Rule>> own_;
  std::vector<std::size_t> groups_of_own_;  // for each group of `own_`, the index of its group in `whole_`
  std::vector<std::size_t> own_places_;
  std::unique_ptr<ParameterBroadcast> broadcast_;
  std::int64_t num_updates_;
};

}  // namespace hone

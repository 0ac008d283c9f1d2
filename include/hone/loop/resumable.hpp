// SPDX-License-Identifier: Apache-2.0
/// Training states: all that a run needs to go on where it was. A checkpoint (`checkpoints.hpp`) and the run: its place
/// in the data, random generators, history, callbacks.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/checkpoint/archive.hpp"
#include "hone/checkpoint/generator_state.hpp"
#include "hone/checkpoint/packed.hpp"
#include "hone/checkpoint/read_training_state.hpp"
#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/core/training_files.hpp"
#include "hone/data/remaining.hpp"
#include "hone/data/splitmix.hpp"
#include "hone/loop/checkpoints.hpp"
#include "hone/loop/epoch_place.hpp"
#include "hone/loop/merge_over_processes.hpp"
#include "hone/loop/resume_from.hpp"
#include "hone/loop/unfinished_evaluations.hpp"

namespace hone {

/// A training step that can be kept and brought back.
template <class Self, class Model, class Loss, class Optimizer, class... Policies>
class Resumable : public Checkpoints<Self, Model, Loss, Optimizer, Policies...> {
  using Step = Checkpoints<Self, Model, Loss, Optimizer, Policies...>;

  static void take_seed(Self& self, const Dict& state) {
    Resumable& trainer = self;
    trainer.read_ahead(state, "loader_seed", trainer.loader_seed_);
  }
  static void take_run(Self& self, const Dict& state) {
    Resumable& trainer = self;
    trainer.read_ahead(state, "run", trainer.run_);
  }
  static void bring_back(Self& self, const Dict& state) {
    Resumable& trainer = self;
    const auto updates = trainer.load_weights(state, {});
    if constexpr (Step::has_schedule) trainer.set_scheduled_updates(updates.value_or(0));
    trainer.restore(state);
  }

 public:
  /// What `TrainOptions::resume_from` brings a trainer back with.
  static constexpr Resumption<Self> resumption{&take_seed, &take_run, &bring_back};

  using typename Step::OptimizerType;

  /// All that a run needs to go on exactly where it is: a checkpoint and the entry `training_state`, with the place in
  /// the data, the gradients of an open accumulation window, the states of random generators, the history, and what
  /// callbacks, policies and overrides with `serialize` remember. The tensors are the live ones: see `cloned`.
  ///
  /// Collective. In rank 0 it has what all processes differ in, and with it any number of processes can go on; in the
  /// others what that process needs.
  ///
  /// **Errors** `std::logic_error` within a run, anywhere but in `on_resume_point`.
  [[nodiscard]] Dict training_state(const Dict& extra = {}) {
    Step::require_savable();
    if (!is_whole_ || this->activity_.steps) {
      throw std::logic_error(
          "A training state was asked for in the middle of a step, which nothing could go on from. Ask in "
          "on_resume_point, or when no run is under way.");
    }
    const StateBeforeEvaluation* before = unfinished_.resumes_before ? &*unfinished_.before : nullptr;
    const auto weights = [this] { return this->weights({}); };
    Dict state = before == nullptr ? weights() : before->with_learning_rates(optimizer_, weights);
    announce(SaveCheckpoint{{run_}}, WithState<Dict>{state});
    for (const auto& [key, value] : extra) state.set(key, value);
    Dict own = before == nullptr ? run_state() : before->run();
    if constexpr (Step::reduces) gather_parts(own);
    state.set("training_state", std::move(own));
    return state;
  }
  /// Writes a training state, whole or not at all. Missing folders are made. Collective: rank 0 writes, and the file is
  /// there when the call returns.
  ///
  /// **Errors** as for `training_state` and `save_checkpoint`.
  void save_training_state(const std::filesystem::path& path, const Dict& extra = {}) {
    const Dict state = training_state(extra);
    this->in_rank_zero([&] { Step::write(path, state); });
  }
  /// Brings everything back, so that `step` goes on as it would have. `train` begins a new run, unless it is told to go
  /// on: `.resume_from`.
  ///
  /// **Errors** `DataError` for a state of another trainer.
  void load_training_state(const Dict& state) {
    if (!this->activity_.is_idle() && !is_rehearsing_) {
      refuse_call("load_training_state", this->activity_, "Call it before the run, or give the run .resume_from.");
    }
    const auto updates = this->load_weights(state, {});
    if constexpr (Step::has_schedule) this->continue_schedule(updates.value_or(0));
    restore(state);
  }
  /// The same from a file, or the newest in a folder. Collective.
  void load_training_state(const std::filesystem::path& path) {
    const Value state = read_training_state(path);
    if constexpr (Step::reduces) require_same_place(&state, path);
    load_training_state(state.get<Dict>());
  }

  /// Makes `thing` what those of all processes are when they are merged; see `hone::merge_over_processes`. Collective.
  void merge_over_processes([[maybe_unused]] auto& thing) {
    if constexpr (Step::reduces) hone::merge_over_processes(this->processes_, thing);
  }

  /// Where the run stands, in the order of time.
  [[nodiscard]] TrainingPlace place() const { return {run_.num_epochs(), run_.num_updates()}; }

 protected:
  using Step::announce;
  using Step::device_;
  using Step::model_;
  using Step::optimizer_;
  using Step::run_;
  using Step::Step;

  /// From here on a run goes; a training state can be taken where `whole` says so.
  class RunGuard {
   public:
    explicit RunGuard(Resumable& trainer) : trainer_(trainer), before_(std::exchange(trainer.is_whole_, false)) {}
    RunGuard(const RunGuard&) = delete;
    RunGuard& operator=(const RunGuard&) = delete;
    ~RunGuard() {
      trainer_.is_whole_ = before_;
      if (!trainer_.activity_.trains) trainer_.resumed_.reset();
    }

   private:
    Resumable& trainer_;
    bool before_;
  };

  /// Tells that everything is whole. Where nobody hears it, nothing is left of the call. The gradients of an open
  /// window are another process's own, so that many processes do not stop there.
  template <class... Batches>
  void announce_resume_point(bool is_last, const Batches&... batches) {
    if constexpr (hears_resume_point) {
      if constexpr (Step::reduces) {
        if (!this->window_.empty()) return;
      }
      (epoch_place_.note(batches, run_.batch(), this->world_size()), ...);
      is_whole_ = true;
      unfinished_.is_end_announced |= is_last;
      announce(ResumePoint{{run_}, is_last});
      is_whole_ = false;
    }
  }
  /// A stop has ended the epoch before its last batch: announces where the run resumes, unless that has happened.
  template <class... Batches>
  void announce_end_within_epoch([[maybe_unused]] const Batches&... batches) {
    if constexpr (hears_resume_point) {
      if (!unfinished_.is_end_announced) announce_resume_point(true, batches...);
    }
  }
  /// The batches of an epoch are done. Keeps what a training state needs, in case that a stop cuts the evaluations
  /// short that follow.
  template <class... Batches>
  void keep_state_before_evaluation([[maybe_unused]] const Batches&... batches) {
    if constexpr (hears_resume_point) {
      (epoch_place_.note(batches, run_.batch(), this->world_size()), ...);
      unfinished_.before.emplace(run_state(), optimizer_);
    }
  }
  /// A stop cut these evaluations short. The run resumes before them.
  void announce_resume_point_before_evaluation() {
    if constexpr (hears_resume_point) {
      if (!unfinished_.before) return;
      unfinished_.resumes_before = true;
      announce_resume_point(true);
      unfinished_.resumes_before = false;
    }
  }
  /// Makes the evaluation `metric` in the middle of training; true when it is complete. If not, a resumed run makes it.
  bool evaluate_after_batch(std::string_view metric, auto&& evaluate) {
    if constexpr (!hears_resume_point) {
      return evaluate();
    } else {
      const auto generators = generator_states(device_.device());
      if (evaluate()) return true;
      set_generator_states(generators, device_.device());
      unfinished_.after_batch.emplace_back(metric);
      return false;
    }
  }
  /// True when a training state asks for evaluations that were not complete.
  [[nodiscard]] bool has_unfinished_evaluations() const { return !unfinished_.after_batch.empty(); }
  [[nodiscard]] std::vector<std::string> take_unfinished_evaluations() {
    return std::exchange(unfinished_.after_batch, {});
  }
  void forget_unfinished_evaluations() { unfinished_ = {}; }

  static constexpr bool hears_resume_point = Step::CallbacksType::template relays<Told<ResumePoint, WithTrainer<Self>>>;

  /// The coming run goes on from a state, where there is one.
  template <class Owner>
  void resume_from(const ResumeFrom<Owner>& from) {
    if (from) {
      resumed_ = from.read();
      if constexpr (std::is_same_v<Owner, Self>) {
        actions_ = from.resumption();
      } else {
        actions_ = &resumption;
      }
      actions_->take_seed(this->self(), resumed_->get<Dict>());
    }
    if constexpr (Step::reduces) require_same_place(resumed_.get(), from.path());
  }
  /// Stands where the run is to go on; everything else comes back at `resume`.
  void take_place() {
    forget_unfinished_evaluations();
    if (resumed_) actions_->take_place(this->self(), resumed_->get<Dict>());
  }
  [[nodiscard]] bool resumes() const { return resumed_ != nullptr; }
  /// True when the run goes on in the middle of an epoch.
  [[nodiscard]] bool resumes_in_epoch() const { return resumed_ && run_.batch() > 0; }
  /// Brings everything back, at the place where it was taken.
  void resume() {
    const auto state = std::exchange(resumed_, nullptr);
    actions_->restore(this->self(), state->get<Dict>());
  }

  /// An epoch begins. The random numbers that a loader draws then are drawn again when the run goes on in that epoch.
  void keep_epoch_generator() {
    epoch_place_ = {};
    if constexpr (hears_resume_point) epoch_generator_ = generator_state();
  }
  /// How many batches the epoch has that the run has gone on in, of `num_batches` in a whole one.
  template <class Batches>
  [[nodiscard]] std::optional<std::int64_t> batches_with_rest_of(const Batches& batches,
                                                                 std::optional<std::int64_t> num_batches) {
    return run_.batch() > 0 ? epoch_place_.go_on(batches, run_.batch(), this->world_size(), num_batches) : num_batches;
  }
  /// A seed for what each process draws for itself; rank 0 has that of a process alone.
  [[nodiscard]] std::uint64_t own_seed(std::uint64_t seed) const {
    if constexpr (Step::reduces) {
      if (this->rank() > 0) return stream_seed(seed, static_cast<std::uint64_t>(this->rank()));
    }
    return seed;
  }
  /// A drawn seed that all processes have.
  [[nodiscard]] std::uint64_t common_seed() {
    return this->in_rank_zero([] { return drawn_seed(); });
  }
  /// The batches of an epoch that begins, or the rest of one that goes on.
  template <class Batches>
  auto rest_of(Batches&& batches) {
    at::Tensor now;
    if (run_.batch() > 0) {
      now = generator_state();
      if (epoch_generator_.defined()) set_generator_state(epoch_generator_);
    }
    return remaining(
        std::forward<Batches>(batches), run_.batch(), [now] { set_generator_state(now); }, epoch_place_.cut());
  }

  UnfinishedEvaluations unfinished_;
  std::uint64_t loader_seed_ = 0;
  EpochPlace epoch_place_;
  bool is_rehearsing_ = false;

 private:
  static void read_ahead(const Dict& state, const char* name, auto& thing) {
    try {
      StateReader reader(state.at("training_state"));
      reader(name, thing);
    } catch (const DataError& error) {
      refuse(error);
    }
  }

  /// All that is not in a checkpoint. The weights have been loaded.
  void restore(const Dict& state) {
    try {
      read_part(state.at("training_state"));
    } catch (const DataError& error) {
      refuse(error);
    }
    announce(LoadCheckpoint{{run_}}, WithState<const Dict>{state});
  }
  [[noreturn]] static void refuse(const DataError& error) {
    throw DataError(sentence("The training state does not fit this trainer: {} Give the trainer that it was saved by.",
                             {error.what()}));
  }

  /// Brings this process to its part of a training state. That of a rank is what differs there from rank 0's, in
  /// `other_ranks`; in a state that another rank than 0 keeps for itself, `rank` says so. Fewer processes than there
  /// were take over the sums of those that are missing; what is remembered in another way goes on in none of them. More
  /// begin with the memory of rank 0, and numbers of their own.
  void read_part(const Value& all) {
    const auto rank = static_cast<std::size_t>(this->rank());
    const auto world_size = static_cast<std::size_t>(this->world_size());
    const auto* const keeper = all.get<Dict>().find("rank");
    const auto* const others = all.get<Dict>().find("other_ranks");
    if (keeper != nullptr && keeper->get<std::int64_t>() != 0) {
      if (keeper->get<std::int64_t>() != this->rank()) {
        throw DataError(sentence("It is what rank {} kept for itself, and this is rank {}.",
                                 {keeper->get<std::int64_t>(), this->rank()}));
      }
      StateReader run(all);
      return serialize_run(run);
    }
    const std::size_t num_parts = others == nullptr ? 1 : others->items().size() + 1;
    const auto part = [&](std::size_t of) { return of == 0 ? all : overlaid(all, others->items()[of - 1]); };
    const Value own = part(rank < num_parts ? rank : 0);
    std::vector<Value> taken_over;
    for (auto of = rank + world_size; of < num_parts; of += world_size) taken_over.push_back(part(of));
    std::vector<const Value*> pointers;
    for (const auto& value : taken_over) pointers.push_back(&value);
    StateReader run(own, std::move(pointers), rank >= num_parts);
    serialize_run(run);
    if (num_parts != world_size && !this->window_.empty()) {
      throw DataError(sentence("It was taken by {} processes in the middle of an accumulation window, and here are {}.",
                               {num_parts, world_size}));
    }
    if (rank >= num_parts) {
      at::manual_seed(stream_seed(own_seed(loader_seed_), static_cast<std::uint64_t>(run_.num_updates())));
    }
  }

  /// Notes in rank 0's part what the others differ in.
  void gather_parts(Dict& own)
    requires(Step::reduces)
  {
    const bool is_first = this->rank() == 0;
    own.set("rank", this->rank());
    const auto base = this->processes_.gather_texts(is_first ? packed(prints(own)) : std::string())[0];
    const auto differences = this->processes_.gather_texts(
        is_first ? std::string() : packed(difference(own, unpacked(base)).value_or(Dict())));
    if (!is_first) return;
    List others;
    for (std::size_t rank = 1; rank < differences.size(); ++rank) others.push_back(unpacked(differences[rank]));
    own.set("other_ranks", std::move(others));
  }

  /// Every process reads a file of its own, which may lag behind.
  void require_same_place(const Value* state, const std::filesystem::path& path)
    requires(Step::reduces)
  {
    std::string place = "none, and begins anew";
    if (state != nullptr) {
      StateReader reader(state->at("training_state"));
      Run run;
      reader("run", run);
      place = sentence("one after {} epochs, {} updates and {} batches of the next epoch",
                       {run.num_epochs(), run.num_updates(), run.batch()});
    }
    this->processes_.require_agreement(
        "training state", place,
        sentence("Here, in rank {}, it was {}. Give every process the same file, or folders with the same files.",
                 {this->rank(), path.empty() ? "not read from a file" : path.string()}));
  }

  [[nodiscard]] Dict run_state() {
    StateWriter run;
    serialize_run(run);
    return run.take();
  }
  /// Shows what is not in a checkpoint to an archive.
  void serialize_run(auto& archive) {
    std::int64_t version = 1;
    archive("version", version);
    if (version != 1) {
      throw DataError(sentence("The training state has version {}, this hone reads 1. Use a newer hone.", {version}));
    }
    archive("run", run_);
    serialize_epoch_place(archive);
    archive("loader_seed", loader_seed_);
    archive("epoch_generator", epoch_generator_);
    archive("train_loss", this->train_loss_);
    unfinished_.serialize(archive);
    serialize_window(archive);
    const auto part = [&](const char* name, auto& thing) {
      if constexpr (requires { thing.serialize(archive); }) archive(name, thing);
    };
    if constexpr (!LossModule<Loss>) part("loss", pointee(this->loss_));
    part("precision", this->precision_);
    part("accumulation", this->accumulation_);
    part("clipping", this->clipping_);
    part("schedule", this->active_schedule_);
    part("transfer", this->transfer_);
    part("execution", this->execution_);
    part("splitting", this->splitting_);
    part("overrides", this->overrides_);
    part("callbacks", this->callbacks_);
    auto generators = generator_states(device_.device());
    archive("generators", generators);
    if (archive.is_loading) set_generator_states(generators, device_.device());  // last: nothing draws after it
  }

  void serialize_epoch_place(auto& archive) {
    if constexpr (requires { archive.contains("epoch"); }) {
      epoch_place_ = {};
      if (!archive.contains("epoch")) return;  // of an older hone
    }
    archive("epoch", epoch_place_);
  }

  /// The batches whose gradients wait for an update, and those gradients.
  void serialize_window(auto& archive) {
    auto window = this->window_;
    NamedParameters gradients;
    if (!archive.is_loading && !window.empty()) {
      for (const auto& [name, parameter] : this->trained_modules().named_parameters()) {
        if (parameter.grad().defined()) gradients.push_back({name, parameter.grad()});
      }
    }
    archive("window", window);
    if constexpr (SeveralLosses<Loss>) archive("objectives", this->objectives_);
    archive("window_gradients", gradients);
    if constexpr (Step::reduces) serialize_averaging(archive, window.empty());
    if (!archive.is_loading) return;
    if (!window.empty() && window.size() >= this->accumulation_.num_batches_per_update()) {
      throw DataError(sentence("It was taken after batch {} of an accumulation window, and windows have {} here.",
                               {window.size(), this->accumulation_.num_batches_per_update()}));
    }
    const auto parameters = this->trained_modules().named_parameters();
    std::vector<at::Tensor> owners;
    for (const auto& [name, gradient] : gradients) {
      const auto owner = std::ranges::find(parameters, name, &NamedParameter::name);
      if (owner == parameters.end() || !gradient.defined() || owner->value.sizes() != gradient.sizes() ||
          owner->value.scalar_type() != gradient.scalar_type()) {
        throw DataError(sentence("The gradient of '{}' in an accumulation window is {} of {}; no parameter is so.",
                                 {name, Value(gradient).description(), gradient.dtype().name()}));
      }
      owners.push_back(owner->value);
    }
    const auto objectives = this->objectives_;
    this->drop_window();
    this->window_ = window;
    this->objectives_ = objectives;
    for (std::size_t i = 0; i < owners.size(); ++i) {
      owners[i].mutable_grad() = gradients[i].value.to(owners[i].device(), false, true);
    }
  }

  /// Whether those gradients are the mean over the processes already: it depends on the distribution policy.
  void serialize_averaging(auto& archive, bool is_empty) const {
    bool here = false;
    if constexpr (requires { this->processes_.averages_each_batch(); }) here = this->processes_.averages_each_batch();
    constexpr const char* name = "window_is_averaged";
    if constexpr (std::remove_reference_t<decltype(archive)>::is_loading) {
      if (is_empty || archive.contains(name) == here) return;
      throw DataError(
          "It was taken in the middle of an accumulation window, by a distribution policy that averages its gradients "
          "at "
          "another time.");
    } else if (here) {
      archive(name, here);
    }
  }

  at::Tensor epoch_generator_;
  bool is_whole_ = true;
  std::shared_ptr<const Value> resumed_;
  const Resumption<Self>* actions_ = nullptr;
};

}  // namespace hone

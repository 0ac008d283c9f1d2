// SPDX-License-Identifier: Apache-2.0
/// Default hooks for the tensors that autograd saves for backward, without Python.
///
/// LibTorch requests default hooks from the autograd engine whenever it saves a tensor. The engine of a program without
/// Python has none. The first region installs an engine that wraps the current one, also Python's. It returns the hooks
/// of the innermost region of the thread and forwards all other calls.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/TensorImpl.h>
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/saved_variable_hooks.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "hone/core/libtorch_versions.hpp"

namespace hone::detail {

using SavedTensorHooks = std::unique_ptr<torch::autograd::SavedVariableHooks>;

/// RAII: during its lifetime, `hooks` makes the hooks of each tensor that autograd saves in this thread. The innermost
/// region applies. Regions must be destroyed in reverse order, in the same thread.
class SavedTensorRegion {
 public:
  SavedTensorRegion(const SavedTensorRegion&) = delete;
  SavedTensorRegion& operator=(const SavedTensorRegion&) = delete;
  virtual ~SavedTensorRegion() { innermost() = outer_; }

  virtual SavedTensorHooks hooks() = 0;

  static SavedTensorRegion*& innermost() {
    thread_local SavedTensorRegion* region = nullptr;
    return region;
  }

 protected:
  SavedTensorRegion();

 private:
  friend class EngineQuery;
  struct RawTensor {};
  explicit SavedTensorRegion(RawTensor) : outer_(std::exchange(innermost(), this)) {}

  SavedTensorRegion* outer_;
};

/// An autograd engine that forwards all calls except, inside a region, the request for hooks.
class HookedEngine final : public EngineInFront<torch::autograd::Engine> {
  using Node = NodePtr<torch::autograd::Edge>;

 public:
  using EngineInFront::EngineInFront;
  HookedEngine(const HookedEngine&) = delete;
  HookedEngine& operator=(const HookedEngine&) = delete;
  ~HookedEngine() override { stop(); }

  torch::autograd::variable_list execute(const torch::autograd::edge_list& roots,
                                         const torch::autograd::variable_list& inputs, bool keep_graph,
                                         bool create_graph, bool accumulate_grad,
                                         const torch::autograd::edge_list& outputs) override {
    return next().execute(roots, inputs, keep_graph, create_graph, accumulate_grad, outputs);
  }
  c10::intrusive_ptr<at::ivalue::Future> execute_with_graph_task(
      const std::shared_ptr<torch::autograd::GraphTask>& task, Node root,
      torch::autograd::InputBuffer&& inputs) override {
    return next().execute_with_graph_task(task, std::move(root), std::move(inputs));
  }
  std::unique_ptr<torch::autograd::AnomalyMetadata> make_anomaly_metadata() override {
    return next().make_anomaly_metadata();
  }
  SavedTensorHooks get_default_saved_variable_hooks() override {
    if (auto* region = SavedTensorRegion::innermost()) return region->hooks();
    return next().get_default_saved_variable_hooks();
  }
  void thread_on_exception(const std::shared_ptr<torch::autograd::GraphTask>& task, const Node& node,
                           std::exception& error) override {
    next().thread_on_exception(task, node, error);
  }
  void thread_init(int device, const std::shared_ptr<torch::autograd::ReadyQueue>& queue,
                   bool should_increment) override {
    next().thread_init(device, queue, should_increment);
  }
};

/// A probe that checks whether the current engine requests hooks from regions. If not, `settle` wraps it. Thread-safe.
class EngineQuery final : SavedTensorRegion {
 public:
  static void settle() {
    if (is_asked()) return;
    static std::mutex mutex;
    static std::atomic<HookedEngine*> front = nullptr;
    const std::lock_guard lock(mutex);
    if (is_asked()) return;
    // A new engine each time: each forwards to an older one, so the chain is finite. They are never destroyed, like
    // every engine.
    static auto& all = *new std::vector<HookedEngine*>;
    all.push_back(new HookedEngine(torch::autograd::Engine::get_default_engine()));
    front = all.back();
    torch::autograd::set_default_engine_stub([]() -> torch::autograd::Engine& { return *front; });
  }

 private:
  EngineQuery() : SavedTensorRegion(RawTensor{}) {}
  SavedTensorHooks hooks() override {
    was_asked_ = true;
    return nullptr;
  }
  static bool is_asked() {
    EngineQuery question;
    static_cast<void>(torch::autograd::Engine::get_default_engine().get_default_saved_variable_hooks());
    return question.was_asked_;
  }

  bool was_asked_ = false;
};

inline SavedTensorRegion::SavedTensorRegion() : outer_(innermost()) {
  EngineQuery::settle();
  innermost() = this;
}

/// The version of a tensor, its number of modifications in place, when it was saved. It does not own the tensor.
class SavedVersion {
 public:
  explicit SavedVersion(const at::Tensor& tensor)
      : counter_(tensor.unsafeGetTensorImpl()->version_counter()), version_(counter_.current_version()) {}

  /// **Errors** `c10::Error`, as autograd throws it, when the tensor was modified in place since.
  void check() const {
    TORCH_CHECK(counter_.current_version() == version_,
                "one of the variables needed for gradient computation has been modified by an inplace operation: it is "
                "at version ",
                counter_.current_version(), "; expected version ", version_,
                " instead. Modify a copy of it, or use an operation that is not in place.");
  }

 private:
  c10::VariableVersion counter_;
  std::uint32_t version_;
};

}  // namespace hone::detail

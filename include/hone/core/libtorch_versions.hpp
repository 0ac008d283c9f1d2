// SPDX-License-Identifier: Apache-2.0
/// Adapters for the differences between the supported versions of LibTorch.
///
/// Each adapter tests the members of a LibTorch class, not a version number, so that LibTorch built from source works
/// as well. The classes are template parameters: this header includes nothing of LibTorch.
///
/// | difference | from |
/// | --- | --- |
/// | an autograd node is owned by `c10::intrusive_ptr` instead of `std::shared_ptr` | 2.13 |
/// | the autograd engine has `get_node_creation_hooks` | 2.15 |
/// | a CUDA graph registers a generator at its first use in a capture instead of on request | 2.14 |
/// | a process group all-gathers into one tensor with `all_gather_single` instead of `_allgather_base` | 2.15 |
/// | `CUDAGraph::reset` releases the memory pool of a failed capture | 2.15 |
///
/// The last difference needs no code here: `CudaGraphRecorder` queries the allocator for the use count of the pool.
#pragma once

#include <utility>

namespace hone::detail {

/// The smart pointer to an autograd node. **Example** `NodePtr<torch::autograd::Edge>`
template <class Edge>
using NodePtr = decltype(Edge::function);

/// A base class for an autograd engine that forwards calls to `next()`. It forwards the virtual functions that only
/// some versions have; the derived class overrides the remaining ones.
template <class Engine>
class EngineInFront : public Engine {
 public:
  explicit EngineInFront(Engine& next) : next_(next) {}
  [[nodiscard]] Engine& next() const { return next_; }

 private:
  Engine& next_;
};

template <class Engine>
  requires requires(Engine& engine) { engine.get_node_creation_hooks(); }
class EngineInFront<Engine> : public Engine {
 public:
  explicit EngineInFront(Engine& next) : next_(next) {}
  [[nodiscard]] Engine& next() const { return next_; }

  decltype(std::declval<Engine&>().get_node_creation_hooks()) get_node_creation_hooks() override {
    return next_.get_node_creation_hooks();
  }

 private:
  Engine& next_;
};

/// Registers `generator` before a capture, so that each replay draws new random numbers. A no-op where the graph
/// registers generators at their first use.
template <class Graph, class Generator>
void register_generator(Graph& graph, const Generator& generator) {
  if constexpr (requires { graph.register_generator_state(generator); }) graph.register_generator_state(generator);
}

/// Starts an asynchronous all-gather of `input` into one tensor and returns its work handle.
template <class Group, class Tensor>
auto all_gather_into(Group& group, Tensor& output, Tensor& input) {
  if constexpr (requires { group.all_gather_single(output, input); }) {
    return group.all_gather_single(output, input);
  } else {
    return group._allgather_base(output, input);
  }
}

}  // namespace hone::detail

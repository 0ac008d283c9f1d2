// SPDX-License-Identifier: Apache-2.0
/// The differences between the supported versions of LibTorch, in one place.
///
/// Each is found by asking a class of LibTorch what it has, never by a version number, so that a build from LibTorch's
/// sources works as well. The classes are template parameters: this header includes nothing of LibTorch.
///
/// | difference | from |
/// | --- | --- |
/// | `c10::intrusive_ptr` holds a node of autograd, before that `std::shared_ptr` | 2.13 |
/// | an engine of autograd has `get_node_creation_hooks` | 2.15 |
/// | a CUDA graph registers a generator at its first use in a capture, before that on request | 2.14 |
/// | a process group gathers into one tensor by `all_gather_single`, before that by `_allgather_base` | 2.15 |
/// | `CUDAGraph::reset` releases the memory pool of a failed capture | 2.15 |
///
/// The last one needs no code here: `CudaRecorder` asks the allocator who uses the pool.
#pragma once

#include <utility>

namespace hone::detail {

/// The smart pointer to a node. **Example** `NodePtr<torch::autograd::Edge>`
template <class Edge>
using NodePtr = decltype(Edge::function);

/// A base class for an engine of autograd that passes calls on to `next()`. It passes on the virtual functions that
/// only some versions have; the derived class overrides the others.
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

/// Before a capture: makes the random numbers of `generator` move on from replay to replay.
template <class Graph, class Generator>
void register_generator(Graph& graph, const Generator& generator) {
  if constexpr (requires { graph.register_generator_state(generator); }) graph.register_generator_state(generator);
}

/// The inputs of all processes in one tensor. Returns the work that is under way.
template <class Group, class Tensor>
auto all_gather_into(Group& group, Tensor& output, Tensor& input) {
  if constexpr (requires { group.all_gather_single(output, input); }) {
    return group.all_gather_single(output, input);
  } else {
    return group._allgather_base(output, input);
  }
}

}  // namespace hone::detail

// SPDX-License-Identifier: Apache-2.0
#include "hone/core/libtorch_versions.hpp"

#include <memory>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"

namespace {

struct Node {};
struct Edge {
  std::shared_ptr<Node> function;
};
static_assert(std::is_same_v<hone::detail::NodePtr<Edge>, std::shared_ptr<Node>>);

// Autograd engines without and with hooks for the creation of nodes.
struct OldEngine {
  virtual ~OldEngine() = default;
  virtual int execute() { return 0; }
};
struct NewEngine {
  virtual ~NewEngine() = default;
  virtual std::vector<int> get_node_creation_hooks() { return {}; }
};
struct PythonEngine : NewEngine {
  std::vector<int> get_node_creation_hooks() override { return {1, 2}; }
};

template <class Engine>
concept HasCreationHooks = requires(Engine& engine) { engine.get_node_creation_hooks(); };
static_assert(HasCreationHooks<hone::detail::EngineInFront<NewEngine>>);
static_assert(!HasCreationHooks<hone::detail::EngineInFront<OldEngine>>);

struct OldGraph {
  int num_registered = 0;
  void register_generator_state(const int&) { ++num_registered; }
};
struct NewGraph {
  void register_generator_state(std::unique_ptr<int>) {}
};

struct OldGroup {
  int _allgather_base(int& output, const int& input) { return output = input; }
};
struct NewGroup : OldGroup {
  int all_gather_single(int& output, const int& input) { return output = -input; }
};

}  // namespace

TEST_CASE("EngineInFront returns the node creation hooks of the next engine", "[core][libtorch_versions]") {
  PythonEngine python;
  hone::detail::EngineInFront<NewEngine> front(python);
  NewEngine& engine = front;
  CHECK(engine.get_node_creation_hooks() == std::vector{1, 2});
  CHECK(&front.next() == &python);
}

TEST_CASE("EngineInFront wraps an engine that has no node creation hooks", "[core][libtorch_versions]") {
  OldEngine old;
  hone::detail::EngineInFront<OldEngine> front(old);
  CHECK(&front.next() == &old);
  CHECK(front.execute() == 0);
}

TEST_CASE("register_generator registers with a graph that accepts the generator, and is a no-op otherwise",
          "[core][libtorch_versions]") {
  OldGraph old;
  hone::detail::register_generator(old, 1);
  CHECK(old.num_registered == 1);
  NewGraph recent;
  hone::detail::register_generator(recent, 1);
}

TEST_CASE("all_gather_into prefers all_gather_single and falls back to _allgather_base", "[core][libtorch_versions]") {
  int output = 0, input = 7;
  OldGroup old;
  CHECK(hone::detail::all_gather_into(old, output, input) == 7);
  NewGroup recent;
  CHECK(hone::detail::all_gather_into(recent, output, input) == -7);
}

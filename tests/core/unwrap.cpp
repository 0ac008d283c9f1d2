// SPDX-License-Identifier: Apache-2.0
#include "hone/core/unwrap.hpp"

#include <memory>

#include "support/catch.hpp"

using namespace hone;

namespace {

struct Module {
  int number = 1;
};
/// A handle that is not a pointer but has `get`, like LibTorch's module holders.
struct Holder {
  std::shared_ptr<Module> module;
  Module& operator*() const { return *module; }
  Module* operator->() const { return module.get(); }
  [[nodiscard]] Module* get() const { return module.get(); }
};
/// Not a handle although it has `get`.
struct Gets {
  [[nodiscard]] int get() const { return 3; }
};

static_assert(std::is_same_v<UnwrapRef<Module>, Module> && std::is_same_v<UnwrapRef<Gets>, Gets>);
static_assert(std::is_same_v<UnwrapRef<Holder>, Module> && std::is_same_v<UnwrapRef<std::unique_ptr<Module>>, Module>);
static_assert(std::is_same_v<UnwrapRef<std::shared_ptr<const Module>>, Module>);
static_assert(std::is_same_v<UnwrapRef<std::reference_wrapper<Module>>, Module>);
static_assert(std::is_same_v<UnwrapRef<std::reference_wrapper<const Module>>, Module>);
static_assert(std::is_same_v<UnwrapRef<const std::reference_wrapper<Module>>, Module>);
static_assert(std::is_same_v<UnwrapRef<const Holder>, Module> &&
              std::is_same_v<UnwrapRef<const std::unique_ptr<Module>>, Module>);
static_assert(std::is_same_v<UnwrapRef<Module*>, Module> && std::is_same_v<UnwrapRef<const Module* const>, Module>);
static_assert(std::is_same_v<UnwrapRef<std::reference_wrapper<Holder>>, Module>);
static_assert(std::is_same_v<UnwrapRef<std::shared_ptr<Holder>>, Module>);
static_assert(std::is_same_v<UnwrapRef<int*>, int*> && std::is_same_v<UnwrapRef<int (*)(int)>, int (*)(int)>);
static_assert(std::is_same_v<UnwrapRef<const Module>, Module>);

static_assert(is_handle_to_const<std::shared_ptr<const Module>> && is_handle_to_const<const Module*>);
static_assert(is_handle_to_const<std::reference_wrapper<const Module>>);
static_assert(!is_handle_to_const<std::shared_ptr<Module>> && !is_handle_to_const<const std::shared_ptr<Module>>);
static_assert(!is_handle_to_const<Module> && !is_handle_to_const<const Holder> && !is_handle_to_const<Module* const>);

}  // namespace

TEST_CASE("pointee returns the object behind a handle, or the argument itself if it is not a handle") {
  const auto shared = std::make_shared<Module>();
  Holder holder{shared};
  auto reference = std::ref(*shared);
  Gets gets;
  CHECK(&unwrap(shared) == shared.get());
  CHECK(&unwrap(holder) == shared.get());
  CHECK(&unwrap(reference) == shared.get());
  CHECK(&unwrap(*shared) == shared.get());
  CHECK(&unwrap(gets) == &gets);
}

TEST_CASE("pointee dereferences constant handles, handles to handles and raw pointers") {
  const auto shared = std::make_shared<Module>();
  const Holder holder{shared};
  const auto reference = std::ref(*shared);
  const auto to_holder = std::ref(holder);
  Module* const pointer = shared.get();
  CHECK(&unwrap(holder) == shared.get());
  CHECK(&unwrap(reference) == shared.get());
  CHECK(&unwrap(to_holder) == shared.get());
  CHECK(&unwrap(pointer) == shared.get());
}

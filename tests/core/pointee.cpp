// SPDX-License-Identifier: Apache-2.0
#include "hone/core/pointee.hpp"

#include <memory>

#include "support/catch.hpp"

using namespace hone;

namespace {

struct Module {
  int number = 1;
};
/// Like LibTorch's module holders: has `get` too, and is no pointer.
struct Holder {
  std::shared_ptr<Module> module;
  Module& operator*() const { return *module; }
  Module* operator->() const { return module.get(); }
  [[nodiscard]] Module* get() const { return module.get(); }
};
/// Not a handle, though it has `get`.
struct Gets {
  [[nodiscard]] int get() const { return 3; }
};

static_assert(std::is_same_v<PointeeOf<Module>, Module> && std::is_same_v<PointeeOf<Gets>, Gets>);
static_assert(std::is_same_v<PointeeOf<Holder>, Module> && std::is_same_v<PointeeOf<std::unique_ptr<Module>>, Module>);
static_assert(std::is_same_v<PointeeOf<std::shared_ptr<const Module>>, Module>);
static_assert(std::is_same_v<PointeeOf<std::reference_wrapper<Module>>, Module>);
static_assert(std::is_same_v<PointeeOf<Module*>, Module*>);

}  // namespace

TEST_CASE("what is behind a handle is the thing itself") {
  const auto shared = std::make_shared<Module>();
  Holder holder{shared};
  auto reference = std::ref(*shared);
  Gets gets;
  CHECK(&pointee(shared) == shared.get());
  CHECK(&pointee(holder) == shared.get());
  CHECK(&pointee(reference) == shared.get());
  CHECK(&pointee(*shared) == shared.get());
  CHECK(&pointee(gets) == &gets);
}

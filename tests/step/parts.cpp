// SPDX-License-Identifier: Apache-2.0
#include "hone/step/parts.hpp"

#include "hone/callbacks/default_callbacks.hpp"
#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/named.hpp"
#include "hone/core/slots.hpp"
#include "support/catch.hpp"

namespace {

struct Device {
  using slot = hone::slots::Device;
  int number = 5;
};
struct A {
  char name = 'a';
  void on_init_end(const hone::InitEnd&) {}
};
struct B {
  void on_init_end(const hone::InitEnd&) {}
};
struct C {
  void on_init_end(const hone::InitEnd&) {}
};
struct Before {
  void on_init_end(const hone::InitEnd&) {}
};
struct Limits {
  static std::optional<std::int64_t> batch_limit(hone::Phase) { return 1; }
};
struct Overrides {
  void backward(auto&, auto&) {}
};
struct NoDefault {
  using slot = hone::slots::Clipping;
  explicit NoDefault(int v) : value(v) {}
  int value;
};

using hone::Callbacks, hone::CallbackSet, hone::CallbacksAmong, hone::OverridesAmong;
template <class T, class U>
constexpr bool same = std::is_same_v<T, U>;

static_assert(same<CallbacksAmong<>, CallbackSet<>> && same<CallbacksAmong<Device, Overrides>, CallbackSet<>>);
static_assert(same<CallbacksAmong<Callbacks<A, B>>, CallbackSet<A, B>>);
static_assert(same<CallbacksAmong<Device, Callbacks<A>, Overrides, Callbacks<B, A>>, CallbackSet<A, B, A>>);
// A callback replaces the default of its type, and the defaults after that one follow it.
template <class... Policies>
using WithDefaults = CallbacksAmong<Callbacks<Before>, hone::ReplaceableCallbacks<A, B, C>, Policies...>;
using NamedB = hone::NamedCallback<"b", hone::detail::RankZero<B>>;
static_assert(same<WithDefaults<>, CallbackSet<Before, A, B, C>>);
static_assert(same<WithDefaults<Callbacks<Before>, Callbacks<C>>, CallbackSet<Before, A, B, Before, C>>);
static_assert(same<WithDefaults<Callbacks<Before>, Device, Callbacks<B, B>>, CallbackSet<Before, A, Before, B, C, B>>);
static_assert(same<WithDefaults<Callbacks<NamedB>>, CallbackSet<Before, A, NamedB, C>>);
static_assert(same<CallbacksAmong<Callbacks<C, A>, hone::ReplaceableCallbacks<A, B, C>>, CallbackSet<C, A, B>>);
static_assert(same<hone::detail::AsPolicy<hone::DefaultCallbacks>, hone::DefaultCallbacks>);
static_assert(same<OverridesAmong<>, hone::NoOverrides> && same<OverridesAmong<Device, Overrides>, Overrides>);
static_assert(same<OverridesAmong<Overrides, Callbacks<A>>, Overrides>);
static_assert(same<hone::detail::AsPolicy<Device>, Device> && same<hone::detail::AsPolicy<Overrides>, Overrides>);
static_assert(same<hone::detail::AsPolicy<A>, Callbacks<A>>);
static_assert(same<hone::detail::AsPolicy<Limits>, Callbacks<Limits>>);
static_assert(same<hone::detail::AsPolicy<CallbackSet<A>>, Callbacks<CallbackSet<A>>>);
static_assert(same<hone::detail::AsPolicy<int>, int>);  // unchanged, so that the error message names it

TEST_CASE("arguments are found by type in any order, and missing ones are default-constructed") {
  NoDefault clipping{3};
  Device device{9};
  const hone::ConstructorArgs args(clipping, device);
  CHECK(args.take<Device>().number == 9);
  CHECK(args.take<NoDefault>().value == 3);
  const hone::ConstructorArgs<> nothing;
  CHECK(nothing.take<Device>().number == 5);
  static_assert(decltype(args)::all_among<Device, NoDefault> && decltype(args)::all_among<NoDefault, A, Device>);
}

TEST_CASE("several callbacks of one type get their arguments in order") {
  A first{'x'}, second{'y'};
  B other;
  const hone::ConstructorArgs args(first, other, second);
  auto set = args.callbacks(std::type_identity<CallbackSet<A, B, A, A>>{});
  CHECK(set.get<A>().name == 'x');
  CHECK((args.take<A, 0>().name == 'x'));
  CHECK((args.take<A, 1>().name == 'y'));
  CHECK((args.take<A, 2>().name == 'a'));  // no third value was given
  static_assert(decltype(args)::all_among<Callbacks<A, B>>);
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
#include "hone/core/member_detection.hpp"

#include "support/catch.hpp"

namespace {

struct Function {
  void forward();
};
struct Overloads {
  void forward();
  void forward(int);
};
struct Template {
  template <class T>
  void forward(T);
};
class Private {
  void forward();
};
struct Data {
  int forward;
};
struct Inherited : Function {};
struct Final final {
  void forward();
};
struct Other {
  void backward();
};

using hone::detail::names_forward;

TEST_CASE("names_forward detects a member of any kind: function, overload, template, private, data, inherited") {
  STATIC_REQUIRE(names_forward<Function>);
  STATIC_REQUIRE(names_forward<Overloads>);
  STATIC_REQUIRE(names_forward<Template>);
  STATIC_REQUIRE(names_forward<Private>);
  STATIC_REQUIRE(names_forward<Data>);
  STATIC_REQUIRE(names_forward<Inherited>);
  STATIC_REQUIRE(names_forward<Final>);
  STATIC_REQUIRE_FALSE(names_forward<Other>);
  STATIC_REQUIRE_FALSE(names_forward<int>);
}

}  // namespace

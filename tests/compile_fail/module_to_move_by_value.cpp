// expect: hone: MoveModulesToDevice would move a copy of a module that is passed by value. Pass its holder, a smart pointer or std::ref.
// SPDX-License-Identifier: Apache-2.0
/// MoveModulesToDevice with a module by value, which would move a copy.
#include "hone/callbacks/move_modules_to_device.hpp"

struct Teacher {
  void to(const std::string&) {}
};

void move() {
  Teacher teacher;
#ifdef FIXED
  hone::MoveModulesToDevice callback{std::ref(teacher)};
#else
  hone::MoveModulesToDevice callback{teacher};
#endif
}

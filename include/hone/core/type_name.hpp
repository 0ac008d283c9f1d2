// SPDX-License-Identifier: Apache-2.0
/// The name of a type as the compiler spells it, for messages.
#pragma once

#include <string_view>

namespace hone {

/// Returns the name of `T`, without a leading `hone::`. The spelling depends on the compiler: do not compare names.
template <class T>
constexpr std::string_view type_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = ") + 4);
  text = text.substr(0, text.find_first_of(";]"));
  if (text.starts_with("hone::")) text.remove_prefix(6);
  return text;
}

}  // namespace hone

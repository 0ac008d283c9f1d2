// SPDX-License-Identifier: Apache-2.0
/// Meets the other file in one program: both see the same classes, and neither defines anything a second time.
#include <typeinfo>

#include "hone/hone.hpp"

const std::type_info& error_of_the_other_file();

int main() { return typeid(hone::DataError) == error_of_the_other_file() ? 0 : 1; }

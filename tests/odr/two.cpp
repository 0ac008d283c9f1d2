// SPDX-License-Identifier: Apache-2.0
/// The other file of the program.
#include <typeinfo>

#include "hone/hone.hpp"

const std::type_info& error_of_the_other_file();

const std::type_info& error_of_the_other_file() { return typeid(hone::DataError); }

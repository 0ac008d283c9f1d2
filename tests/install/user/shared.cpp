// SPDX-License-Identifier: Apache-2.0
/// A shared library that calls hone's library.
#include <hone/checkpoint/read_training_state.hpp>

bool is_training_state(const char* path) { return hone::read_training_state(path).is<hone::Dict>(); }

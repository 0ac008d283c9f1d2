// SPDX-License-Identifier: Apache-2.0
/// The trainer of each workload. Each is defined in a separate file, because trainers are slow to compile.
#pragma once

#include "variant.hpp"

std::unique_ptr<Variant> make_mnist_mlp(const Data& data);
std::unique_ptr<Variant> make_surrogate(const Data& data);
std::unique_ptr<Variant> make_mnist_cnn(const Data& data);
std::unique_ptr<Variant> make_char_gpt(const Data& data);

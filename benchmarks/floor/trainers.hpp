// SPDX-License-Identifier: Apache-2.0
/// The trainer of each workload, each in a file of its own.
#pragma once

#include "contender.hpp"

std::unique_ptr<Contender> make_mnist_mlp(const Data& data);
std::unique_ptr<Contender> make_surrogate(const Data& data);
std::unique_ptr<Contender> make_mnist_cnn(const Data& data);
std::unique_ptr<Contender> make_char_gpt(const Data& data);

// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <string>

#include "trainers.hpp"

std::unique_ptr<Variant> make_hone(std::string_view workload, const Data& data) {
  if (workload == "mnist_mlp") return make_mnist_mlp(data);
  if (workload == "surrogate") return make_surrogate(data);
  if (workload == "mnist_cnn") return make_mnist_cnn(data);
  if (workload == "char_gpt") return make_char_gpt(data);
  throw std::invalid_argument("There is no workload " + std::string(workload) +
                              ". Pass mnist_mlp, surrogate, mnist_cnn or char_gpt.");
}

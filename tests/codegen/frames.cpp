// SPDX-License-Identifier: Apache-2.0
/// Prints the call stack in the user's `forward` during `train`, as addresses in the program, one per line, innermost
/// first, for frames.py.
#include <dlfcn.h>
#include <execinfo.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/loss.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string_view>

#include "hone/hone.hpp"

namespace {

void print_stack() {
  std::array<void*, 128> addresses{};
  const int count = backtrace(addresses.data(), static_cast<int>(addresses.size()));
  Dl_info program{}, info{};
  dladdr(reinterpret_cast<void*>(&print_stack), &program);
  for (int i = 0; i < count; ++i) {
    const auto* address = static_cast<const char*>(addresses[static_cast<std::size_t>(i)]);
    if (dladdr(address, &info) == 0 || info.dli_fbase != program.dli_fbase) continue;
    std::printf("%zx\n", static_cast<std::size_t>(address - static_cast<const char*>(info.dli_fbase)));
  }
}

}  // namespace

struct Net : torch::nn::Module {
  torch::nn::Linear layer{register_module("layer", torch::nn::Linear(4, 2))};

  at::Tensor forward(const at::Tensor& inputs) {
    if (is_training()) print_stack();
    return layer->forward(inputs);
  }
};

int main() {
  hone::Trainer trainer{std::make_shared<Net>(),         torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1},
                        hone::ClipNorm{.max_norm = 1.0}, hone::GradAccum<2>{},          hone::Bf16{},
                        hone::SaveTrainingState{},       hone::EarlyStopping{},         hone::TerminateOnNaN{}};
  const auto set = hone::TensorDataset(at::ones({8, 4}), at::zeros({8}, at::kLong));
  trainer.train(set, set, {.max_updates = 1, .fast_dev_run = 1});
}

// SPDX-License-Identifier: Apache-2.0
/// The ways to train in C++.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "networks.hpp"

class Contender {
 public:
  virtual ~Contender() = default;
  /// Goes on from the present weights for `steps` updates and returns the mean loss, of samples in the order that
  /// `seed` gives. The schedule of the learning rate spans the call.
  virtual double train(std::int64_t steps) = 0;

  /// Steps so far, where they may be recorded and replayed.
  struct Counts {
    std::int64_t written = 0, replayed = 0;
    std::string reason;  ///< Why not more were replayed.
  };
  [[nodiscard]] virtual Counts counts() const { return {}; }
};

/// The names of those that this program was built with.
std::vector<std::string_view> contenders_for(std::string_view workload);

/// A loop written by hand, with the kernels that hone uses.
std::unique_ptr<Contender> make_hand(const Task& task, const Data& data, std::shared_ptr<Network> network);
/// `hone::Trainer`: `hone`, and where there are GPUs `hone_captured`, `hone_direct` and `hone_prefetch`.
std::unique_ptr<Contender> make_trainer(std::string_view contender, const Task& task, const Data& data,
                                        std::shared_ptr<Network> network);

// SPDX-License-Identifier: Apache-2.0
/// Compares the cost of a step of the trainer with a hand-written loop. `run.py` runs this program.
///
/// | mode | output |
/// |---|---|
/// | --time ROUNDS STEPS | CPU time per step in microseconds, one number for each variant and round |
/// | --allocations | heap allocations per step of each variant |
/// | --instructions VARIANT STEPS | under valgrind --tool=callgrind: two profiles, of 1 and of 1 + STEPS steps |
/// | --versions | the versions of the compiler and of LibTorch |
///
/// VARIANT is handwritten, none, epoch_only or default.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <malloc.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "../support/allocations.hpp"
#include "variant.hpp"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif

namespace {

struct VariantFactory {
  std::string_view name;
  std::unique_ptr<Variant> (*make)(std::int64_t steps);
};
constexpr std::array factories{VariantFactory{"handwritten", make_handwritten}, VariantFactory{"none", make_none},
                               VariantFactory{"epoch_only", make_epoch_only}, VariantFactory{"default", make_default}};

constexpr std::int64_t warm_up = 5;

std::vector<std::unique_ptr<Variant>> make_all(std::int64_t steps) {
  std::vector<std::unique_ptr<Variant>> all;
  for (const auto& factory : factories) all.push_back(factory.make(steps));
  return all;
}

/// Each round runs each variant once. The order is rotated by one variant each round. Measures CPU time: the program
/// has one thread, which never blocks.
void time(std::int64_t rounds, std::int64_t steps) {
  const auto variants = make_all(steps);
  std::array<std::vector<double>, factories.size()> us;
  std::array<double, factories.size()> loss{};
  for (std::int64_t round = -1; round < rounds; ++round) {  // the first round is a warm-up
    for (std::size_t position = 0; position < variants.size(); ++position) {
      const auto v = (position + static_cast<std::size_t>(round + 1)) % variants.size();
      const auto begin = std::clock();
      loss[v] = variants[v]->train(steps);
      const auto ticks = std::clock() - begin;
      if (round >= 0) us[v].push_back(1e6 / CLOCKS_PER_SEC * static_cast<double>(ticks) / static_cast<double>(steps));
    }
    for (std::size_t v = 1; v < variants.size(); ++v) {
      if (loss[v] != loss[0]) {
        throw std::logic_error(
            fmt::format("The loss of {} is {}, the loss of {} is {}. They must do the same arithmetic.",
                        factories[0].name, loss[0], factories[v].name, loss[v]));
      }
    }
  }
  for (std::size_t v = 0; v < variants.size(); ++v) fmt::print("{} {:.4f}\n", factories[v].name, fmt::join(us[v], " "));
}

/// Counts the allocations of runs of increasing length, each shorter than an epoch. The differences do not contain the
/// fixed allocations of a run.
void count_allocations() {
  constexpr std::int64_t steps = 64;
  const auto variants = make_all(2 * steps + 2);
  for (std::size_t v = 0; v < variants.size(); ++v) {
    const auto count = [&](std::int64_t length) {
      const auto before = allocations();
      variants[v]->train(length);
      return allocations() - before;
    };
    count(warm_up);
    const auto one = count(1), more = count(1 + steps), most = count(1 + 2 * steps);
    if (more - one != most - more || (more - one) % steps != 0) {
      throw std::logic_error(fmt::format("{}: {} steps made {} allocations, and the next {} steps made {}.",
                                         factories[v].name, steps, more - one, steps, most - more));
    }
    fmt::print("{} {}\n", factories[v].name, (more - one) / steps);
  }
}

void profile([[maybe_unused]] std::string_view name, [[maybe_unused]] std::int64_t steps) {
#ifdef CALLGRIND_START_INSTRUMENTATION
  if (RUNNING_ON_VALGRIND == 0) {
    throw std::invalid_argument(
        "--instructions needs valgrind. Run the program under valgrind --tool=callgrind --instr-atstart=no.");
  }
  const auto* const factory = std::find_if(factories.begin(), factories.end(), [&](auto& f) { return f.name == name; });
  if (factory == factories.end()) {
    throw std::invalid_argument(
        fmt::format("There is no variant {}. Pass handwritten, none, epoch_only or default.", name));
  }
  const auto variant = factory->make(std::max(warm_up, 2 + steps));  // each run is shorter than an epoch
  variant->train(warm_up);
  CALLGRIND_START_INSTRUMENTATION;
  variant->train(1);
  CALLGRIND_DUMP_STATS_AT("short");
  variant->train(1 + steps);
  CALLGRIND_DUMP_STATS_AT("long");
  CALLGRIND_STOP_INSTRUMENTATION;
#else
  throw std::invalid_argument(
      "This program was built without the headers of valgrind. Install valgrind, and build the program again.");
#endif
}

std::int64_t number(std::string_view option, const std::string& text) {
  char* end = nullptr;
  const auto value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < 1) {
    throw std::invalid_argument(fmt::format("The value of {} is '{}'. Pass an integer, at least 1.", option, text));
  }
  return value;
}

void run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 3 && arguments[0] == "--time") {
    time(number("--time", arguments[1]), number("--time", arguments[2]));
  } else if (arguments.size() == 1 && arguments[0] == "--allocations") {
    count_allocations();
  } else if (arguments.size() == 3 && arguments[0] == "--instructions") {
    profile(arguments[1], number("--instructions", arguments[2]));
  } else if (arguments.size() == 1 && arguments[0] == "--versions") {
#ifdef __clang__
    fmt::print("{}\n", __VERSION__);
#else
    fmt::print("g++ {}\n", __VERSION__);
#endif
    fmt::print("LibTorch {}\n", TORCH_VERSION);
  } else {
    throw std::invalid_argument(
        "Pass --time ROUNDS STEPS, --allocations, --instructions VARIANT STEPS, or --versions.");
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Retains freed memory. Otherwise, page faults depend on the layout of the heap and differ by chance between variants.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  try {
    at::set_num_threads(1);
    at::globalContext().setFlushDenormal(true);  // as the trainer does
    run({argv + 1, argv + argc});
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}

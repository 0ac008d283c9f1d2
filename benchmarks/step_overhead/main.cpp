// SPDX-License-Identifier: Apache-2.0
/// What a step of the trainer costs beside a step of the hand-written loop. `run.py` runs this program and makes a page
/// of what it prints.
///
///   --time ROUNDS STEPS            microseconds of CPU time per step of each variant, one number for each round
///   --allocations                  heap allocations per step of each variant
///   --versions                     of the compiler and of LibTorch
///   --instructions VARIANT STEPS   under valgrind --tool=callgrind: writes two profiles, of 1 and of 1 + STEPS steps
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
#include "contender.hpp"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif

namespace {

struct Variant {
  std::string_view name;
  std::unique_ptr<Contender> (*make)(std::int64_t steps);
};
constexpr std::array variants{Variant{"hand", make_hand}, Variant{"none", make_none},
                              Variant{"epoch_only", make_epoch_only}, Variant{"default", make_default}};

constexpr std::int64_t warm_up = 5;

std::vector<std::unique_ptr<Contender>> make_all(std::int64_t steps) {
  std::vector<std::unique_ptr<Contender>> all;
  for (const auto& variant : variants) all.push_back(variant.make(steps));
  return all;
}

/// Every round runs every variant once; each comes first, second and so on equally often. CPU time, because the one
/// thread never waits and other programs should not count.
void time(std::int64_t rounds, std::int64_t steps) {
  const auto contenders = make_all(steps);
  std::array<std::vector<double>, variants.size()> us;
  std::array<double, variants.size()> loss{};
  for (std::int64_t round = -1; round < rounds; ++round) {  // the first one warms up
    for (std::size_t place = 0; place < variants.size(); ++place) {
      const auto v = (place + static_cast<std::size_t>(round + 1)) % variants.size();
      const auto begin = std::clock();
      loss[v] = contenders[v]->train(steps);
      const auto ticks = std::clock() - begin;
      if (round >= 0) us[v].push_back(1e6 / CLOCKS_PER_SEC * static_cast<double>(ticks) / static_cast<double>(steps));
    }
    for (std::size_t v = 1; v < variants.size(); ++v) {
      if (loss[v] != loss[0]) {
        throw std::logic_error(fmt::format("{} came to loss {} and {} to {}. They must do the same arithmetic.",
                                           variants[0].name, loss[0], variants[v].name, loss[v]));
      }
    }
  }
  for (std::size_t v = 0; v < variants.size(); ++v) fmt::print("{} {:.4f}\n", variants[v].name, fmt::join(us[v], " "));
}

/// Runs of rising length, all of which end before their epoch does; a run's own allocations, which are the same in all,
/// go out with the difference.
void count_allocations() {
  constexpr std::int64_t steps = 64;
  const auto contenders = make_all(2 * steps + 2);
  for (std::size_t v = 0; v < variants.size(); ++v) {
    const auto count = [&](std::int64_t length) {
      const auto before = allocations();
      contenders[v]->train(length);
      return allocations() - before;
    };
    count(warm_up);
    const auto one = count(1), more = count(1 + steps), most = count(1 + 2 * steps);
    if (more - one != most - more || (more - one) % steps != 0) {
      throw std::logic_error(fmt::format("{}: {} steps made {} allocations and the {} steps after them {}.",
                                         variants[v].name, steps, more - one, steps, most - more));
    }
    fmt::print("{} {}\n", variants[v].name, (more - one) / steps);
  }
}

void profile([[maybe_unused]] std::string_view name, [[maybe_unused]] std::int64_t steps) {
#ifdef CALLGRIND_START_INSTRUMENTATION
  if (RUNNING_ON_VALGRIND == 0) {
    throw std::invalid_argument(
        "--instructions counts under valgrind only. Start it with valgrind --tool=callgrind "
        "--instr-atstart=no.");
  }
  const auto* const variant = std::find_if(variants.begin(), variants.end(), [&](auto& v) { return v.name == name; });
  if (variant == variants.end()) {
    throw std::invalid_argument(fmt::format("There is no variant {}. Give hand, none, epoch_only or default.", name));
  }
  const auto contender = variant->make(std::max(warm_up, 2 + steps));  // no run ends with its epoch
  contender->train(warm_up);
  CALLGRIND_START_INSTRUMENTATION;
  contender->train(1);
  CALLGRIND_DUMP_STATS_AT("short");
  contender->train(1 + steps);
  CALLGRIND_DUMP_STATS_AT("long");
  CALLGRIND_STOP_INSTRUMENTATION;
#else
  throw std::invalid_argument(
      "This program was built without valgrind's headers. Install valgrind and build it again.");
#endif
}

std::int64_t number(std::string_view option, const std::string& text) {
  char* end = nullptr;
  const auto value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < 1) {
    throw std::invalid_argument(fmt::format("{} was given '{}'. Give a whole number, 1 or more.", option, text));
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
        "Give --time ROUNDS STEPS, --allocations, --instructions VARIANT STEPS, or --versions.");
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Keeps freed memory: else the luck of the heap's layout decides which variant faults its pages in again and again.
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

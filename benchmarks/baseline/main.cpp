// SPDX-License-Identifier: Apache-2.0
/// Measures the variants of four workloads. The scripts baseline/run.py and frameworks/run.py run this program.
///
/// | mode | output |
/// |---|---|
/// | --time WORKLOAD ROUNDS STEPS VARIANT... | microseconds per step, for each variant and round |
/// | --allocations WORKLOAD VARIANT... | heap allocations per step of each variant |
/// | --instructions WORKLOAD STEPS VARIANT... | under callgrind: profiles of 1 and of 1 + STEPS steps |
/// | --epochs WORKLOAD EPOCHS STEPS VARIANT | `epoch SECONDS LOSS TIME`, for each epoch |
/// | --write FOLDER WORKLOAD STEPS | a file with data and initial weights, for Python |
/// | --versions | the versions of the compiler and of LibTorch |
///
/// SECONDS is the duration of the epoch, LOSS the mean loss, and TIME the time of day at its end. Options precede the
/// mode:
///
/// | option | value |
/// |---|---|
/// | --data DIR | the folder of MNIST's four files; default: synthetic digits |
/// | --text FILE | the text of char_gpt: LICENSE |
/// | --read FOLDER | a folder that --write wrote |
/// | --threads N | threads of LibTorch; default: 1 |
/// | --batch N | samples in a batch; default: the workload's |
///
/// VARIANT is handwritten, libtorch_tutorial, hone or gemm_only.
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "../support/allocations.hpp"
#include "variant.hpp"
#include "workloads.hpp"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif

namespace {

using Arguments = std::span<const std::string>;

struct NamedVariant {
  std::string name;
  std::unique_ptr<Variant> variant;
};

constexpr std::string_view variant_names = "handwritten, libtorch_tutorial, hone or gemm_only";

NamedVariant make(std::string_view workload, const std::string& name, const Data& data) {
  if (name == "handwritten") return {name, make_handwritten(workload, data)};
  if (name == "libtorch_tutorial") return {name, make_libtorch_tutorial(workload, data)};
  if (name == "hone") return {name, make_hone(workload, data)};
  if (name == "gemm_only") return {name, make_gemm_only(workload)};
  throw std::invalid_argument(fmt::format("There is no variant {}. Pass {}.", name, variant_names));
}

std::vector<NamedVariant> make_all(std::string_view workload, Arguments names, const Data& data) {
  if (names.empty()) throw std::invalid_argument(fmt::format("No variant is given. Pass {}.", variant_names));
  std::vector<NamedVariant> all;
  for (const auto& name : names) all.push_back(make(workload, name, data));
  return all;
}

/// Compares each loss with the loss of the first variant. On one thread, `handwritten` and `hone` must be bitwise
/// equal. `libtorch_tutorial` and several threads sum in a different order, so a tolerance applies.
void compare_losses(const std::vector<NamedVariant>& all, const std::vector<double>& losses) {
  for (std::size_t v = 1; v < all.size(); ++v) {
    const bool is_tolerant =
        all[0].name == "libtorch_tutorial" || all[v].name == "libtorch_tutorial" || at::get_num_threads() > 1;
    const double tolerance = is_tolerant ? 1e-2 * std::abs(losses[0]) : 0.0;
    if (std::isnan(losses[v]) || std::isnan(losses[0]) || std::abs(losses[v] - losses[0]) <= tolerance) continue;
    throw std::logic_error(fmt::format("The loss of {} is {}, the loss of {} is {}. They must do the same arithmetic.",
                                       all[0].name, losses[0], all[v].name, losses[v]));
  }
}

/// Each round runs each variant once. The order is rotated by one variant each round, and reversed every other round.
/// Measures CPU time on one thread, and wall time on several.
void time(std::string_view workload, std::int64_t rounds, std::int64_t steps, Arguments names, const Source& source) {
  const auto data = load_data(workload, steps, source);
  const auto all = make_all(workload, names, data);
  const auto microseconds = [] {
    if (at::get_num_threads() == 1) return 1e6 / CLOCKS_PER_SEC * static_cast<double>(std::clock());
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  std::vector<std::vector<double>> us(all.size());
  std::vector<double> losses(all.size());
  for (std::int64_t round = -1; round < rounds; ++round) {  // the first round is a warm-up
    for (std::size_t position = 0; position < all.size(); ++position) {
      const auto i = round % 2 == 0 ? position : all.size() - 1 - position;
      const auto v = (i + static_cast<std::size_t>(round + 1)) % all.size();
      const double begin = microseconds();
      losses[v] = all[v].variant->train(steps);
      if (round >= 0) us[v].push_back((microseconds() - begin) / static_cast<double>(steps));
    }
    compare_losses(all, losses);
  }
  for (std::size_t v = 0; v < all.size(); ++v) fmt::print("{} {:.4f}\n", all[v].name, fmt::join(us[v], " "));
}

/// Counts the allocations of runs of increasing length, each shorter than an epoch. The differences do not contain the
/// fixed allocations of a run.
void count_allocations(std::string_view workload, Arguments names, const Source& source) {
  constexpr std::int64_t steps = 8;
  const auto data = load_data(workload, 2 * steps + 2, source);
  for (const auto& [name, variant] : make_all(workload, names, data)) {
    const auto count = [&trained = *variant](std::int64_t length) {
      const auto before = allocations();
      trained.train(length);
      return allocations() - before;
    };
    count(2);
    const auto one = count(1), more = count(1 + steps), most = count(1 + 2 * steps);
    if (more - one != most - more || (more - one) % steps != 0) {
      throw std::logic_error(fmt::format("{}: {} steps made {} allocations, and the next {} steps made {}.", name,
                                         steps, more - one, steps, most - more));
    }
    fmt::print("{} {}\n", name, (more - one) / steps);
  }
}

void profile([[maybe_unused]] std::string_view workload, [[maybe_unused]] std::int64_t steps,
             [[maybe_unused]] Arguments names, [[maybe_unused]] const Source& source) {
#ifdef CALLGRIND_START_INSTRUMENTATION
  if (RUNNING_ON_VALGRIND == 0) {
    throw std::invalid_argument(
        "--instructions needs valgrind. Run the program under valgrind --tool=callgrind --instr-atstart=no.");
  }
  const auto data = load_data(workload, 2 + steps, source);  // each run is shorter than an epoch
  const auto all = make_all(workload, names, data);
  std::vector<double> losses;
  for (const auto& [name, variant] : all) {
    variant->train(1);
    CALLGRIND_START_INSTRUMENTATION;
    variant->train(1);
    CALLGRIND_DUMP_STATS;
    losses.push_back(variant->train(1 + steps));
    CALLGRIND_DUMP_STATS;
    CALLGRIND_STOP_INSTRUMENTATION;
  }
  compare_losses(all, losses);
#else
  throw std::invalid_argument(
      "This program was built without the headers of valgrind. Install valgrind, and build the program again.");
#endif
}

void train_epochs(std::string_view workload, std::int64_t epochs, std::int64_t steps, Arguments names,
                  const Source& source) {
  const auto data = load_data(workload, steps, source);
  const auto all = make_all(workload, names, data);
  if (all.size() != 1) throw std::invalid_argument("--epochs runs one variant. Pass one.");
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    const auto begin = std::chrono::steady_clock::now();
    const double loss = all[0].variant->train(steps);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    fmt::print("epoch {:.7f} {:.9g} {:.4f}\n", seconds.count(), loss, now.count());
  }
}

void print_versions() {
#ifdef __clang__
  fmt::print("{}\n", __VERSION__);
#else
  fmt::print("g++ {}\n", __VERSION__);
#endif
  fmt::print("LibTorch {}\n", TORCH_VERSION);
}

std::int64_t number(std::string_view option, const std::string& text) {
  char* end = nullptr;
  const auto result = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || result < 1) {
    throw std::invalid_argument(fmt::format("The value of {} is '{}'. Pass an integer, at least 1.", option, text));
  }
  return result;
}

void run(Arguments arguments) {
  Source source{.mnist = {}, .text = {}, .written = {}, .batch_size = 0};
  int threads = 1;
  for (; arguments.size() >= 2; arguments = arguments.subspan(2)) {
    if (arguments[0] == "--data") {
      source.mnist = arguments[1];
    } else if (arguments[0] == "--text") {
      source.text = arguments[1];
    } else if (arguments[0] == "--read") {
      source.written = arguments[1];
    } else if (arguments[0] == "--batch") {
      source.batch_size = number(arguments[0], arguments[1]);
    } else if (arguments[0] == "--threads") {
      threads = static_cast<int>(number(arguments[0], arguments[1]));
    } else {
      break;
    }
  }
  if (std::ranges::find(arguments, "handwritten") != arguments.end()) configure_handwritten_process();
  at::set_num_threads(threads);
  const auto is = [&](std::string_view mode, std::size_t count) {
    return arguments.size() > count && arguments[0] == mode;
  };
  if (is("--time", 4)) {
    time(arguments[1], number(arguments[0], arguments[2]), number(arguments[0], arguments[3]), arguments.subspan(4),
         source);
  } else if (is("--allocations", 2)) {
    count_allocations(arguments[1], arguments.subspan(2), source);
  } else if (is("--instructions", 3)) {
    profile(arguments[1], number(arguments[0], arguments[2]), arguments.subspan(3), source);
  } else if (is("--epochs", 4)) {
    train_epochs(arguments[1], number(arguments[0], arguments[2]), number(arguments[0], arguments[3]),
                 arguments.subspan(4), source);
  } else if (is("--write", 3)) {
    write_data(arguments[2], number(arguments[0], arguments[3]), source, arguments[1]);
  } else if (is("--versions", 0)) {
    print_versions();
  } else {
    throw std::invalid_argument(
        "Pass --time WORKLOAD ROUNDS STEPS VARIANT..., --allocations WORKLOAD VARIANT..., --instructions WORKLOAD "
        "STEPS VARIANT..., --epochs WORKLOAD EPOCHS STEPS VARIANT, --write FOLDER WORKLOAD STEPS, or --versions. "
        "Options before it: --data DIR, --text FILE (for char_gpt: LICENSE), --read FOLDER, --threads N, --batch N.");
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    run(arguments);
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}

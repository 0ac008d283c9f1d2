// SPDX-License-Identifier: Apache-2.0
/// Four workloads, each trained by loops written by hand and by hone. The run.py of `floor` and of `peers` run this
/// program and make pages of what it prints.
///
///   --time WORKLOAD ROUNDS STEPS VARIANT...         microseconds of CPU time per step of each, one number for each
///   round
///   --allocations WORKLOAD VARIANT...               heap allocations per step of each
///   --instructions WORKLOAD STEPS VARIANT...        under valgrind --tool=callgrind: for each variant two profiles, of
///   1
///                                                   and of 1 + STEPS steps
///   --epochs WORKLOAD EPOCHS STEPS VARIANT          one variant in a process that is its own: `epoch SECONDS LOSS` and
///                                                   the time of day at its end, for each epoch
///   --write FOLDER WORKLOAD STEPS                   data and initial weights for Python
///   --versions                                      of the compiler and of LibTorch
///
/// Before these: --data DIR (MNIST's four files; else digits are drawn), --text FILE (for char_gpt: LICENSE), --read
/// FOLDER (what --write wrote),
/// --threads N, --batch N (samples). Variants: hand, stock, hone, products.
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
#include "contender.hpp"
#include "workloads.hpp"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif

namespace {

using Words = std::span<const std::string>;

struct Named {
  std::string name;
  std::unique_ptr<Contender> contender;
};

Named make(std::string_view workload, const std::string& variant, const Data& data) {
  if (variant == "hand") return {variant, make_hand(workload, data)};
  if (variant == "stock") return {variant, make_stock(workload, data)};
  if (variant == "hone") return {variant, make_hone(workload, data)};
  if (variant == "products") return {variant, make_products(workload)};
  throw std::invalid_argument(fmt::format("There is no variant {}. Give hand, stock, hone or products.", variant));
}

std::vector<Named> make_all(std::string_view workload, Words variants, const Data& data) {
  if (variants.empty()) throw std::invalid_argument("No variant is given. Give hand, stock, hone or products.");
  std::vector<Named> all;
  for (const auto& variant : variants) all.push_back(make(workload, variant, data));
  return all;
}

/// Losses beside that of the first variant: `hand` and `hone` are equal to the bit on one thread, `stock` computes some
/// things in another order, as threads do.
void compare_losses(const std::vector<Named>& all, const std::vector<double>& losses) {
  for (std::size_t v = 1; v < all.size(); ++v) {
    const bool may_round = all[0].name == "stock" || all[v].name == "stock" || at::get_num_threads() > 1;
    const double tolerance = may_round ? 1e-2 * std::abs(losses[0]) : 0.0;
    if (std::isnan(losses[v]) || std::isnan(losses[0]) || std::abs(losses[v] - losses[0]) <= tolerance) continue;
    throw std::logic_error(fmt::format("{} came to loss {} and {} to {}. They must do the same arithmetic.",
                                       all[0].name, losses[0], all[v].name, losses[v]));
  }
}

/// Every round runs every variant once, one place further each time and every other round backwards. CPU time on one
/// thread, which never waits: other programs should not count. On more, time that passes.
void time(std::string_view workload, std::int64_t rounds, std::int64_t steps, Words variants, const Source& source) {
  const auto data = load_data(workload, steps, source);
  const auto all = make_all(workload, variants, data);
  const auto microseconds = [] {
    if (at::get_num_threads() == 1) return 1e6 / CLOCKS_PER_SEC * static_cast<double>(std::clock());
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  std::vector<std::vector<double>> us(all.size());
  std::vector<double> losses(all.size());
  for (std::int64_t round = -1; round < rounds; ++round) {  // the first one warms up
    for (std::size_t place = 0; place < all.size(); ++place) {
      const auto at = round % 2 == 0 ? place : all.size() - 1 - place;
      const auto v = (at + static_cast<std::size_t>(round + 1)) % all.size();
      const double begin = microseconds();
      losses[v] = all[v].contender->train(steps);
      if (round >= 0) us[v].push_back((microseconds() - begin) / static_cast<double>(steps));
    }
    compare_losses(all, losses);
  }
  for (std::size_t v = 0; v < all.size(); ++v) fmt::print("{} {:.4f}\n", all[v].name, fmt::join(us[v], " "));
}

/// Runs of rising length, all of which end before their epoch does; a run's own allocations, which are the same in all,
/// go out with the difference.
void count_allocations(std::string_view workload, Words variants, const Source& source) {
  constexpr std::int64_t steps = 8;
  const auto data = load_data(workload, 2 * steps + 2, source);
  for (const auto& [name, contender] : make_all(workload, variants, data)) {
    const auto count = [&own = *contender](std::int64_t length) {
      const auto before = allocations();
      own.train(length);
      return allocations() - before;
    };
    count(2);
    const auto one = count(1), more = count(1 + steps), most = count(1 + 2 * steps);
    if (more - one != most - more || (more - one) % steps != 0) {
      throw std::logic_error(fmt::format("{}: {} steps made {} allocations and the {} steps after them {}.", name,
                                         steps, more - one, steps, most - more));
    }
    fmt::print("{} {}\n", name, (more - one) / steps);
  }
}

void profile([[maybe_unused]] std::string_view workload, [[maybe_unused]] std::int64_t steps,
             [[maybe_unused]] Words variants, [[maybe_unused]] const Source& source) {
#ifdef CALLGRIND_START_INSTRUMENTATION
  if (RUNNING_ON_VALGRIND == 0) {
    throw std::invalid_argument(
        "--instructions counts under valgrind only. Start it with valgrind --tool=callgrind --instr-atstart=no.");
  }
  const auto data = load_data(workload, 2 + steps, source);  // no run ends with its epoch
  const auto all = make_all(workload, variants, data);
  std::vector<double> losses;
  for (const auto& [name, contender] : all) {
    contender->train(1);
    CALLGRIND_START_INSTRUMENTATION;
    contender->train(1);
    CALLGRIND_DUMP_STATS;
    losses.push_back(contender->train(1 + steps));
    CALLGRIND_DUMP_STATS;
    CALLGRIND_STOP_INSTRUMENTATION;
  }
  compare_losses(all, losses);
#else
  throw std::invalid_argument(
      "This program was built without valgrind's headers. Install valgrind and build it again.");
#endif
}

void train_epochs(std::string_view workload, std::int64_t epochs, std::int64_t steps, Words variants,
                  const Source& source) {
  const auto data = load_data(workload, steps, source);
  const auto all = make_all(workload, variants, data);
  if (all.size() != 1) throw std::invalid_argument("--epochs runs one variant. Give one.");
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    const auto begin = std::chrono::steady_clock::now();
    const double loss = all[0].contender->train(steps);
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
  const auto value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < 1) {
    throw std::invalid_argument(fmt::format("{} was given '{}'. Give a whole number, 1 or more.", option, text));
  }
  return value;
}

void run(Words words) {
  Source source{.mnist = {}, .text = {}, .written = {}, .batch_size = 0};
  int threads = 1;
  for (; words.size() >= 2; words = words.subspan(2)) {
    if (words[0] == "--data") {
      source.mnist = words[1];
    } else if (words[0] == "--text") {
      source.text = words[1];
    } else if (words[0] == "--read") {
      source.written = words[1];
    } else if (words[0] == "--batch") {
      source.batch_size = number(words[0], words[1]);
    } else if (words[0] == "--threads") {
      threads = static_cast<int>(number(words[0], words[1]));
    } else {
      break;
    }
  }
  if (std::ranges::find(words, "hand") != words.end()) prepare_process_of_hand();
  at::set_num_threads(threads);
  const auto is = [&](std::string_view mode, std::size_t arguments) {
    return words.size() > arguments && words[0] == mode;
  };
  if (is("--time", 4)) {
    time(words[1], number(words[0], words[2]), number(words[0], words[3]), words.subspan(4), source);
  } else if (is("--allocations", 2)) {
    count_allocations(words[1], words.subspan(2), source);
  } else if (is("--instructions", 3)) {
    profile(words[1], number(words[0], words[2]), words.subspan(3), source);
  } else if (is("--epochs", 4)) {
    train_epochs(words[1], number(words[0], words[2]), number(words[0], words[3]), words.subspan(4), source);
  } else if (is("--write", 3)) {
    write_data(words[2], number(words[0], words[3]), source, words[1]);
  } else if (is("--versions", 0)) {
    print_versions();
  } else {
    throw std::invalid_argument(
        "Give --time WORKLOAD ROUNDS STEPS VARIANT..., --allocations WORKLOAD VARIANT..., --instructions WORKLOAD "
        "STEPS VARIANT..., --epochs WORKLOAD EPOCHS STEPS VARIANT, --write FOLDER WORKLOAD STEPS, or --versions; "
        "before it "
        "--data DIR, --text FILE (for char_gpt: LICENSE), --read FOLDER, --threads N or --batch N.");
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    run(words);
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}

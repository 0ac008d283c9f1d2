// SPDX-License-Identifier: Apache-2.0
/// Trains the workloads in C++, by hand and by hone, at the word of measure.py, which starts this program.
///
///   describe                 what this program is and runs on, as JSON
///   write FOLDER WORKLOAD    FOLDER/WORKLOAD.pt: data, initial weights and settings, for the contenders in Python too
///   serve FOLDER             answers each line of the standard input by a line of JSON:
///     prepare WORKLOAD CONTENDER   makes it and trains the few steps, from the initial weights: their mean loss
///     turn WORKLOAD CONTENDER      seconds of a step: those of a run of many steps without those of a run of few, over
///                                  the steps between. Before it, memory and kernels are warm; after it, the memory
///                                  that is free goes back to the device
///     waits WORKLOAD CONTENDER     how often the host waits for the device in a step, and in a run
///
/// Before these: --tiny (few steps, small networks), --text FILE (for char_gpt: LICENSE).
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "contenders.hpp"
#include "device.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/state_dict.hpp"
#include "hone/data/sampler.hpp"

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::array all_workloads{"mnist_mlp", "surrogate", "mnist_cnn", "char_gpt", "gpt2", "wide_mlp"};

struct Options {
  bool tiny = false;
  fs::path text;
};

fs::path file_of(const fs::path& folder, const Task& task) { return folder / fmt::format("{}.pt", task.name); }

/// The samples of a run of many steps, in host memory.
Data make_data(const Task& task, const Options& options) {
  const auto samples = task.batch_size * task.many;
  torch::manual_seed(settings::seed);
  if (task.name == "gpt2") {
    const auto text = torch::randint(std::min<std::int64_t>(task.shape.vocabulary, 50257),
                                     {samples, task.shape.context + 1}, torch::kInt64);
    return {.inputs = text.slice(1, 0, -1).contiguous(),
            .targets = text.slice(1, 1).contiguous(),
            .batch_size = task.batch_size};
  }
  if (task.name == "wide_mlp") {
    return {.inputs = torch::rand({samples, 784}),
            .targets = torch::randint(10, {samples}, torch::kInt64),
            .batch_size = task.batch_size};
  }
  return load_data(task.name, task.many, {.mnist = {}, .text = options.text, .written = {}, .batch_size = 0});
}

/// What Python has to know to do the same.
void write(const fs::path& folder, const Task& task, const Options& options) {
  const auto data = make_data(task, options);
  hone::write_checkpoint(file_of(folder, task),
                         hone::Dict{{"inputs", data.inputs},
                                    {"targets", data.targets},
                                    {"weights", hone::state_dict(task.make()->inner())},
                                    {"order", hone::RandomSampler{settings::seed}.order(data.inputs.size(0), 0)},
                                    {"batch_size", task.batch_size},
                                    {"few", task.few},
                                    {"many", task.many},
                                    {"lr", settings::lr},
                                    {"is_sgd", task.is_sgd},
                                    {"momentum", settings::momentum},
                                    {"weight_decay", task.weight_decay},
                                    {"max_norm", task.max_norm},
                                    {"cosine", task.cosine},
                                    {"bf16", task.bf16},
                                    {"layers", task.shape.layers},
                                    {"width", task.shape.width},
                                    {"heads", task.shape.heads},
                                    {"context", task.shape.context},
                                    {"vocabulary", task.shape.vocabulary}});
}

/// A contender and what it trains on.
class Session {
 public:
  Session(const fs::path& folder, const std::string& workload, const std::string& contender, const Options& options)
      : task_(task_named(workload, options.tiny)) {
    const auto network = task_.make();
    Data data;
    if (task_.name == "wide_mlp") {
      data = make_data(task_, options);
    } else {
      const auto written = hone::read_checkpoint(file_of(folder, task_));
      hone::load_state_dict(network->inner(), written.at("weights"));
      data = {.inputs = written.at("inputs").get<at::Tensor>().clone(),
              .targets = written.at("targets").get<at::Tensor>().clone(),
              .batch_size = task_.batch_size};
    }
    network->to(device());
    if (contender != "hone_direct" && contender != "hone_prefetch") {
      data.inputs = data.inputs.to(device());
      data.targets = data.targets.to(device());
    }
    for (const auto& parameter : network->parameters()) parameters_ += parameter.numel();
    contender_ = contender == "hand" ? make_hand(task_, data, network) : make_trainer(contender, task_, data, network);
  }

  json prepare() {
    const auto begin = now();
    const double loss = contender_->train(task_.few);
    synchronize();
    const json result{{"loss", loss},
                      {"seconds", now() - begin},
                      {"parameters", parameters_},
                      {"batch_size", task_.batch_size},
                      {"few", task_.few},
                      {"many", task_.many},
                      {"layers", task_.shape.layers},
                      {"width", task_.shape.width},
                      {"context", task_.shape.context}};
    release_memory();
    return result;
  }

  json turn() {
    forget_peak();
    contender_->train(task_.few);
    const double few = seconds_of(task_.few), many = seconds_of(task_.many);
    const auto counts = contender_->counts();
    const json result{{"step_s", (many - few) / static_cast<double>(task_.many - task_.few)},
                      {"few_s", few},
                      {"many_s", many},
                      {"peak_bytes", peak_bytes()},
                      {"loss", loss_},
                      {"replayed", counts.replayed},
                      {"written", counts.written},
                      {"reason", counts.reason}};
    release_memory();
    return result;
  }

  json waits_of_a_step() {
    contender_->train(task_.few);
    const auto few = waits_of(task_.few), many = waits_of(task_.many);
    const auto steps = task_.many - task_.few;
    return {{"waits_per_step", static_cast<double>(many - few) / static_cast<double>(steps)}, {"waits_of_a_run", few}};
  }

 private:
  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

  double seconds_of(std::int64_t steps) {
    synchronize();
    const double begin = now();
    loss_ = contender_->train(steps);
    synchronize();
    return now() - begin;
  }

  std::int64_t waits_of(std::int64_t steps) {
    const auto before = waits();
    contender_->train(steps);
    return waits() - before;
  }

  Task task_;
  std::int64_t parameters_ = 0;
  std::unique_ptr<Contender> contender_;
  double loss_ = 0.0;
};

json answer(std::map<std::pair<std::string, std::string>, Session>& sessions, const fs::path& folder,
            const std::string& line, const Options& options) {
  std::istringstream words(line);
  std::string order, workload, contender;
  words >> order >> workload >> contender;
  const std::pair key{workload, contender};
  if (order == "prepare") {
    sessions.erase(key);
    return sessions.try_emplace(key, folder, workload, contender, options).first->second.prepare();
  }
  const auto found = sessions.find(key);
  if (found == sessions.end()) {
    throw std::invalid_argument(fmt::format("'{}': {} of {} is not prepared.", line, contender, workload));
  }
  if (order == "turn") return found->second.turn();
  if (order == "waits") return found->second.waits_of_a_step();
  throw std::invalid_argument(fmt::format("'{}': give prepare, turn or waits.", line));
}

void serve(const fs::path& folder, const Options& options) {
  std::map<std::pair<std::string, std::string>, Session> sessions;
  for (std::string line; std::getline(std::cin, line);) {
    json result;
    try {
      result = answer(sessions, folder, line, options);
    } catch (const std::exception& error) {
      result = {{"error", error.what()}};
    }
    fmt::print("{}\n", result.dump(-1, ' ', false, json::error_handler_t::replace));
    std::fflush(stdout);
  }
}

json describe() {
  json contenders;
  for (const auto* workload : all_workloads) contenders[workload] = contenders_for(workload);
#ifdef __clang__
  const std::string compiler = __VERSION__;
#else
  const std::string compiler = fmt::format("g++ {}", __VERSION__);
#endif
  return {{"device", device_name()},   {"kind", device().is_cuda() ? "cuda" : "cpu"},
          {"contenders", contenders},  {"libtorch", TORCH_VERSION},
          {"cuda", runtime_version()}, {"compiler", compiler}};
}

void run(std::span<const std::string> words) {
  Options options;
  while (!words.empty()) {
    if (words[0] == "--tiny") {
      options.tiny = true;
      words = words.subspan(1);
    } else if (words[0] == "--text" && words.size() > 1) {
      options.text = words[1];
      words = words.subspan(2);
    } else {
      break;
    }
  }
  if (words.size() == 1 && words[0] == "describe") {
    fmt::print("{}\n", describe().dump());
  } else if (words.size() == 3 && words[0] == "write") {
    write(words[1], task_named(words[2], options.tiny), options);
  } else if (words.size() == 2 && words[0] == "serve") {
    serve(words[1], options);
  } else {
    throw std::invalid_argument(
        "Give describe, write FOLDER WORKLOAD or serve FOLDER; before it --tiny or --text FILE.");
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    run(words);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_gpu: {}\n", error.what());
    return 2;
  }
}

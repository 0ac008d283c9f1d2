// SPDX-License-Identifier: Apache-2.0
/// Trains the workloads with the variants in C++. measure.py starts this program and sends it commands.
///
/// | mode | output |
/// |---|---|
/// | describe | versions, device and variants, as JSON |
/// | write FOLDER WORKLOAD | FOLDER/WORKLOAD.pt: data, initial weights and settings, also for Python |
/// | serve FOLDER | one line of JSON for each command on the standard input |
///
/// | command | result |
/// |---|---|
/// | prepare WORKLOAD VARIANT | creates the variant, and trains `few` steps from the initial weights: mean loss |
/// | turn WORKLOAD VARIANT | time per step, from runs of `many` and of `few` steps after a warm-up |
/// | syncs WORKLOAD VARIANT | host synchronizations in a step and in a run |
///
/// After a turn, unused memory is returned to the device.
/// Options, before the mode: --tiny (few steps and small networks), --text FILE (for char_gpt: LICENSE).
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

#include "device.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/state_dict.hpp"
#include "hone/data/sampler.hpp"
#include "variants.hpp"

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::array all_workloads{"mnist_mlp", "surrogate", "mnist_cnn", "char_gpt", "gpt2", "wide_mlp"};

struct Options {
  bool tiny = false;
  fs::path text;
};

fs::path file_of(const fs::path& folder, const Task& task) { return folder / fmt::format("{}.pt", task.name); }

/// Returns the samples of a run of `many` steps, in host memory.
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

/// Writes everything that the variants in Python need to do the same arithmetic.
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

/// A variant with its network and data.
class Session {
 public:
  Session(const fs::path& folder, const std::string& workload, const std::string& variant, const Options& options)
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
    if (variant != "hone_sync_copy" && variant != "hone_prefetch") {
      data.inputs = data.inputs.to(device());
      data.targets = data.targets.to(device());
    }
    for (const auto& parameter : network->parameters()) parameters_ += parameter.numel();
    variant_ =
        variant == "handwritten" ? make_handwritten(task_, data, network) : make_trainer(variant, task_, data, network);
  }

  json prepare() {
    const auto begin = now();
    const double loss = variant_->train(task_.few);
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
    reset_peak_bytes();
    variant_->train(task_.few);
    const double few = seconds_of(task_.few), many = seconds_of(task_.many);
    const auto counts = variant_->step_counts();
    const json result{{"step_s", (many - few) / static_cast<double>(task_.many - task_.few)},
                      {"few_s", few},
                      {"many_s", many},
                      {"peak_bytes", peak_bytes()},
                      {"loss", loss_},
                      {"replayed", counts.replayed},
                      {"eager", counts.eager},
                      {"reason", counts.reason}};
    release_memory();
    return result;
  }

  json syncs() {
    variant_->train(task_.few);
    const auto few = syncs_of(task_.few), many = syncs_of(task_.many);
    const auto steps = task_.many - task_.few;
    return {{"syncs_per_step", static_cast<double>(many - few) / static_cast<double>(steps)}, {"syncs_per_run", few}};
  }

 private:
  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

  double seconds_of(std::int64_t steps) {
    synchronize();
    const double begin = now();
    loss_ = variant_->train(steps);
    synchronize();
    return now() - begin;
  }

  std::int64_t syncs_of(std::int64_t steps) {
    const auto before = host_syncs();
    variant_->train(steps);
    return host_syncs() - before;
  }

  Task task_;
  std::int64_t parameters_ = 0;
  std::unique_ptr<Variant> variant_;
  double loss_ = 0.0;
};

json answer(std::map<std::pair<std::string, std::string>, Session>& sessions, const fs::path& folder,
            const std::string& line, const Options& options) {
  std::istringstream words(line);
  std::string command, workload, variant;
  words >> command >> workload >> variant;
  const std::pair key{workload, variant};
  if (command == "prepare") {
    sessions.erase(key);
    return sessions.try_emplace(key, folder, workload, variant, options).first->second.prepare();
  }
  const auto found = sessions.find(key);
  if (found == sessions.end()) {
    throw std::invalid_argument(
        fmt::format("'{}': the variant {} of {} is not prepared. Send prepare first.", line, variant, workload));
  }
  if (command == "turn") return found->second.turn();
  if (command == "syncs") return found->second.syncs();
  throw std::invalid_argument(fmt::format("There is no command '{}'. Pass prepare, turn or syncs.", command));
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
  json variants;
  for (const auto* workload : all_workloads) variants[workload] = variants_for(workload);
#ifdef __clang__
  const std::string compiler = __VERSION__;
#else
  const std::string compiler = fmt::format("g++ {}", __VERSION__);
#endif
  return {{"device", device_name()},   {"kind", device().is_cuda() ? "cuda" : "cpu"},
          {"variants", variants},      {"libtorch", TORCH_VERSION},
          {"cuda", runtime_version()}, {"compiler", compiler}};
}

void run(std::span<const std::string> arguments) {
  Options options;
  while (!arguments.empty()) {
    if (arguments[0] == "--tiny") {
      options.tiny = true;
      arguments = arguments.subspan(1);
    } else if (arguments[0] == "--text" && arguments.size() > 1) {
      options.text = arguments[1];
      arguments = arguments.subspan(2);
    } else {
      break;
    }
  }
  if (arguments.size() == 1 && arguments[0] == "describe") {
    fmt::print("{}\n", describe().dump());
  } else if (arguments.size() == 3 && arguments[0] == "write") {
    write(arguments[1], task_named(arguments[2], options.tiny), options);
  } else if (arguments.size() == 2 && arguments[0] == "serve") {
    serve(arguments[1], options);
  } else {
    throw std::invalid_argument(
        "Pass describe, write FOLDER WORKLOAD or serve FOLDER. Options before it: --tiny, --text FILE.");
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    run(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_gpu: {}\n", error.what());
    return 2;
  }
}

// SPDX-License-Identifier: Apache-2.0
/// One rank of a measurement. scripts/scaling starts the ranks.
///
///     bench_distributed step WORKLOAD BATCH STEPS (overlap|after|tensors|alone) BUCKET_BYTES
///     bench_distributed collective BYTES REPEATS
///     bench_distributed schedule WORKLOAD BATCH STEPS
///
/// BATCH is the batch size of each rank. WORKLOAD is a workload of baseline/workloads.hpp, or `wide`, which has 10
/// million parameters. Rank 0 prints JSON.
#include <torch/nn/functional/loss.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "../baseline/workloads.hpp"
#include "hone/distributed.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/policies/clipping.hpp"
#include "hone/policies/denormals.hpp"
#include "hone/policies/heap.hpp"
#include "hone/policies/memory_format.hpp"
#include "hone/trainer/trainer.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using Tensor = torch::Tensor;

double us_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}
double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// An MLP 784-2048-2048-2048-10 with ReLU: 10 million parameters.
struct WideImpl : torch::nn::Module {
  torch::nn::Linear first{784, 2048}, second{2048, 2048}, third{2048, 2048}, last{2048, 10};
  WideImpl() {
    register_module("first", first);
    register_module("second", second);
    register_module("third", third);
    register_module("last", last);
  }
  Tensor forward(const Tensor& x) { return last(torch::relu(third(torch::relu(second(torch::relu(first(x))))))); }
};
TORCH_MODULE(Wide);
struct WideWorkload : WorkloadOf<Wide, ClassLoss> {
  static constexpr std::string_view name = "wide";
  static constexpr Rule rule = Rule::sgd;
};

template <class Visit>
void with_any_workload(std::string_view name, Visit&& visit) {
  name == WideWorkload::name ? visit.template operator()<WideWorkload>() : with_workload(name, visit);
}

template <class Workload>
std::pair<Tensor, Tensor> batch_of(std::int64_t size) {
  if constexpr (std::is_same_v<Workload, CharGptWorkload>) {
    const auto text = torch::randint(gpt::vocabulary, {size, gpt::context + 1});
    return {text.narrow(1, 0, gpt::context).contiguous(), text.narrow(1, 1, gpt::context).contiguous()};
  } else if constexpr (std::is_same_v<Workload, SurrogateWorkload>) {
    return {torch::rand({size, 8}), torch::rand({size, 1})};
  } else if constexpr (std::is_same_v<Workload, MnistCnnWorkload>) {
    return {torch::rand({size, 1, 28, 28}), torch::randint(10, {size})};
  } else {
    return {torch::rand({size, 784}), torch::randint(10, {size})};
  }
}

template <class Workload>
auto rule_of() {
  if constexpr (Workload::rule == Rule::sgd) return hone::Sgd{.lr = settings::lr, .momentum = settings::momentum};
  if constexpr (Workload::rule == Rule::adam) return hone::Adam{.lr = settings::lr};
  if constexpr (Workload::rule == Rule::adamw) return hone::AdamW{.lr = settings::lr, .weight_decay = 0.01};
}

/// Returns a trainer with the policies that the workload has in baseline/.
template <class Workload, class Distribution>
auto trainer_of(Distribution distribution) {
  const auto compose = [&](auto... policies) {
    return hone::Trainer{make_model<Workload>(), typename Workload::Loss{}, rule_of<Workload>(),
                         hone::RetainHeap{},     std::move(distribution),   policies...};
  };
  if constexpr (Workload::max_norm > 0.0) return compose(hone::ClipNorm{.max_norm = Workload::max_norm});
  if constexpr (std::is_same_v<Workload, MnistCnnWorkload>) return compose(hone::ChannelsLast{});
  if constexpr (Workload::max_norm == 0.0 && !std::is_same_v<Workload, MnistCnnWorkload>) return compose();
}

template <class Workload>
void measure_steps(const hone::Gloo& gloo, std::int64_t size, int steps, const hone::DdpOptions& options) {
  [[maybe_unused]] const auto denormals = hone::FlushDenormals{}.over_run();  // as in `train`
  [[maybe_unused]] const auto heap = hone::RetainHeap{}.over_run();
  auto trainer = trainer_of<Workload>(hone::Ddp(gloo, options));
  auto batch = batch_of<Workload>(size);
  for (int i = 0; i < 5 + steps / 10; ++i) trainer.step(batch);
  gloo.group.barrier();
  std::vector<double> times;
  const auto begin = Clock::now();
  for (int i = 0; i < steps; ++i) {
    const auto step_begin = Clock::now();
    trainer.step(batch);
    times.push_back(us_since(step_begin));
  }
  const double mean = us_since(begin) / steps;
  if (gloo.group.rank() == 0) std::printf("{\"median_us\": %.2f, \"mean_us\": %.2f}\n", median(times), mean);
}

/// Measures when the gradient of each parameter is ready, relative to the start of backward. Prints medians over steps.
template <class Workload>
void measure_schedule(std::int64_t size, int steps) {
  [[maybe_unused]] const auto denormals = hone::FlushDenormals{}.over_run();  // as in `train`
  [[maybe_unused]] const auto heap = hone::RetainHeap{}.over_run();
  auto trainer = trainer_of<Workload>(hone::SingleProcess{});
  auto batch = batch_of<Workload>(size);
  auto& model = trainer.model();
  const auto parameters = model->parameters();
  std::vector<std::vector<double>> ready(parameters.size());
  Clock::time_point begin;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    parameters[i].register_hook([&, i](const Tensor&) { ready[i].push_back(us_since(begin)); });
  }
  std::vector<double> forward, backward, whole;
  for (int step = 0; step < steps; ++step) {
    const auto step_begin = Clock::now();
    auto loss = typename Workload::Loss{}(model->forward(batch.first), batch.second);
    forward.push_back(us_since(step_begin));
    begin = Clock::now();
    loss.backward();
    backward.push_back(us_since(begin));
    trainer.optimizer().step();
    trainer.optimizer().zero_grad();
    whole.push_back(us_since(step_begin));
  }
  std::printf("{\"forward_us\": %.2f, \"backward_us\": %.2f, \"step_us\": %.2f, \"parameters\": [", median(forward),
              median(backward), median(whole));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    std::printf("%s[%.2f, %zu]", i ? ", " : "", median(ready[i]), parameters[i].nbytes());
  }
  std::printf("]}\n");
}

void measure_collective(const hone::ProcessGroup& group, std::int64_t bytes, int repeats) {
  const auto values = torch::zeros({std::max<std::int64_t>(bytes / 4, 1)});
  std::vector<double> times;
  for (int i = 0; i < repeats + 3; ++i) {
    group.barrier();
    const auto begin = Clock::now();
    group.all_reduce(values);
    if (i >= 3) times.push_back(us_since(begin));
  }
  if (group.rank() == 0) std::printf("{\"us\": %.2f}\n", median(times));
}

int run(const std::vector<std::string>& arguments) {
  const auto number = [&](std::size_t i) { return std::atoll(arguments.at(i).c_str()); };
  if (arguments.at(0) == "schedule") {
    with_any_workload(arguments.at(1),
                      [&]<class Workload>() { measure_schedule<Workload>(number(2), static_cast<int>(number(3))); });
    return 0;
  }
  const hone::Gloo gloo{.timeout = std::chrono::minutes(1)};
  if (arguments.at(0) == "collective") {
    measure_collective(gloo.group, number(1), static_cast<int>(number(2)));
  } else {
    hone::DdpOptions options{.bucket_bytes = number(5)};
    options.first_bucket_bytes = std::min(options.first_bucket_bytes, options.bucket_bytes);
    options.overlap = arguments.at(4) == "overlap";
    if (arguments.at(4) == "tensors") options.bucket_bytes = 1;
    with_any_workload(arguments.at(1), [&]<class Workload>() {
      measure_steps<Workload>(gloo, number(2), static_cast<int>(number(3)), options);
    });
  }
  gloo.group.shutdown();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  at::set_num_threads(1);
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_distributed: %s\n", error.what());
    return 1;
  }
}

// SPDX-License-Identifier: Apache-2.0
#include "data.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/state_dict.hpp"
#include "hone/data/digits.hpp"
#include "hone/data/idx.hpp"
#include "hone/data/sampler.hpp"
#include "hone/data/splitmix.hpp"
#include "hone/data/tensor_dataset.hpp"
#include "workloads.hpp"

namespace {

Data images(std::int64_t samples, const std::filesystem::path& mnist) {
  const auto set = mnist.empty() ? hone::digits(samples, settings::seed) : hone::mnist(mnist).train;
  const auto& [inputs, targets] = set.tensors();
  return {.inputs = inputs, .targets = targets};
}

/// A smooth function of eight inputs, as a surrogate of a simulation.
Data smooth_function(std::int64_t samples) {
  torch::manual_seed(settings::seed);
  const auto x = torch::rand({samples, 8}) * 2 - 1;
  const auto c = x.unbind(1);
  const auto y = torch::sin(3 * c[0]) * c[1] + c[2].square() + torch::exp(-c[3].square()) * torch::cos(2 * c[4]) +
                 0.5 * c[5] * c[6] + torch::tanh(c[7]);
  return {.inputs = x, .targets = y.unsqueeze(1).contiguous()};
}

/// Windows of the text at random positions. The target of a character is the next character.
Data characters(std::int64_t samples, const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const std::set<char> vocabulary(text.begin(), text.end());
  if (std::ssize(vocabulary) != gpt::vocabulary) {
    throw std::invalid_argument(fmt::format("'{}' has {} distinct characters. Pass the LICENSE file, which has {}.",
                                            file.string(), vocabulary.size(), gpt::vocabulary));
  }
  std::map<char, std::int64_t> index;
  for (const char character : vocabulary) index.emplace(character, std::ssize(index));
  Data data{.inputs = torch::empty({samples, gpt::context}, torch::kInt64),
            .targets = torch::empty({samples, gpt::context}, torch::kInt64)};
  auto* input = data.inputs.mutable_data_ptr<std::int64_t>();
  auto* target = data.targets.mutable_data_ptr<std::int64_t>();
  hone::SplitMix64 random(settings::seed);
  for (std::int64_t sample = 0; sample < samples; ++sample) {
    const auto begin = static_cast<std::size_t>(random.between(0, std::ssize(text) - gpt::context - 2));
    for (std::size_t i = begin; i < begin + gpt::context; ++i) {
      *input++ = index.at(text[i]);
      *target++ = index.at(text[i + 1]);
    }
  }
  return data;
}

Data read(const std::filesystem::path& file) {
  const auto value = hone::read_checkpoint(file);
  return {.inputs = value.at("inputs").get<at::Tensor>(), .targets = value.at("targets").get<at::Tensor>()};
}

}  // namespace

Data load_data(std::string_view workload, std::int64_t steps, const Source& source) {
  const auto batch_size = source.batch_size > 0
                              ? source.batch_size
                              : with_workload(workload, []<class Workload> { return Workload::batch_size; });
  const auto samples = steps * batch_size;
  const auto data = !source.written.empty()   ? read(source.written / fmt::format("{}.pt", workload))
                    : workload == "surrogate" ? smooth_function(samples)
                    : workload == "char_gpt"  ? characters(samples, source.text)
                                              : images(samples, source.mnist);
  if (data.inputs.size(0) < samples) {
    throw std::invalid_argument(fmt::format("{} steps of {} need {} samples, but the data has {}. Run fewer steps.",
                                            steps, workload, samples, data.inputs.size(0)));
  }
  return {.inputs = data.inputs.narrow(0, 0, samples).clone(),
          .targets = data.targets.narrow(0, 0, samples).clone(),
          .batch_size = batch_size};
}

void write_data(std::string_view workload, std::int64_t steps, const Source& source,
                const std::filesystem::path& folder) {
  const auto data = load_data(workload, steps, source);
  const auto weights = with_workload(workload, []<class Workload> { return hone::state_dict(make_model<Workload>()); });
  hone::write_checkpoint(folder / fmt::format("{}.pt", workload),
                         hone::Dict{{"inputs", data.inputs},
                                    {"targets", data.targets},
                                    {"weights", weights},
                                    {"order", hone::RandomSampler{settings::seed}.order(data.inputs.size(0), 0)}});
}

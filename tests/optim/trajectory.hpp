// SPDX-License-Identifier: Apache-2.0
/// 100 updates with gradients from a formula, by hone, by `torch::optim` and by PyTorch in Python.
#pragma once

#include <fmt/format.h>
#include <torch/torch.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "hone/optim/fused_optimizer.hpp"

namespace trajectory {

constexpr int num_steps = 100;
const std::vector<std::vector<std::int64_t>> shapes{
    {7, 5}, {5}, {3, 2, 2}};  // longer than a vector register, with a tail

template <class F>
torch::Tensor filled(const std::vector<std::int64_t>& shape, F value) {
  auto result = torch::empty(shape, torch::kFloat64);
  for (std::int64_t j = 0; j < result.numel(); ++j) result.data_ptr<double>()[j] = value(static_cast<double>(j));
  return result.to(torch::kFloat32);
}

inline std::vector<torch::Tensor> parameters() {
  std::vector<torch::Tensor> result;
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    result.push_back(filled(shapes[k], [&](double j) { return std::sin(0.7 * j + static_cast<double>(k)); }));
    result.back().set_requires_grad(true);
  }
  return result;
}

inline torch::Tensor gradient(std::size_t k, int step) {
  return filled(shapes[k], [&](double j) {
    return std::cos(0.3 * j + 0.17 * step + static_cast<double>(k)) + 0.1 * std::sin(1.3 * step * (j + 1));
  });
}

/// Returns whether parameter `k` has no gradient at `step` in the cases with gaps: in the first steps and in every
/// third step.
inline bool is_missing(std::size_t k, int step) { return k == 1 && (step < 4 || step % 3 == 1); }

inline void set_gradients(const std::vector<torch::Tensor>& parameters, int step, bool gaps, bool negate = false) {
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const bool missing = gaps && is_missing(k, step);
    parameters[k].mutable_grad() = missing ? torch::Tensor() : gradient(k, step) * (negate ? -1 : 1);
  }
}

inline hone::NamedParameters named(const std::vector<torch::Tensor>& tensors, std::size_t first = 0,
                                   std::size_t last = 3) {
  hone::NamedParameters result;
  for (std::size_t k = first; k < last; ++k) result.push_back({fmt::format("p{}", k), tensors[k]});
  return result;
}

/// A case with settings for one group, or for two groups, of which the second has the third parameter.
template <class Rule>
struct Case {
  std::string name;
  std::vector<Rule> groups;
  bool gaps = false;
  double late_lr = 0;  // if above 0, the learning rate of all groups in the second half
};

template <class Rule>
hone::FusedOptimizer<Rule> make(const Case<Rule>& test, const std::vector<torch::Tensor>& tensors) {
  if (test.groups.size() == 1) return hone::FusedOptimizer<Rule>(named(tensors), test.groups[0]);
  hone::FusedOptimizer<Rule> result(named(tensors, 0, 2), test.groups[0]);
  result.add_group(named(tensors, 2, 3), test.groups[1]);
  return result;
}

template <class Rule>
void advance(hone::FusedOptimizer<Rule>& optimizer, const std::vector<torch::Tensor>& tensors, const Case<Rule>& test,
             int from, int to) {
  for (int step = from; step < to; ++step) {
    if (step == num_steps / 2 && test.late_lr > 0) optimizer.set_lr(test.late_lr);
    set_gradients(tensors, step, test.gaps);
    optimizer.step();
    optimizer.zero_grad();
  }
}

template <class Rule>
std::vector<torch::Tensor> run(const Case<Rule>& test) {
  auto tensors = parameters();
  auto optimizer = make(test, tensors);
  advance(optimizer, tensors, test, 0, num_steps);
  return tensors;
}

/// The same updates by `torch::optim`, which has no `maximize`: the gradients are negated instead.
template <class TorchOptimizer, class Rule, class MakeOptions>
std::vector<torch::Tensor> run_torch(const Case<Rule>& test, MakeOptions make_options) {
  auto tensors = parameters();
  using Options = decltype(make_options(test.groups[0]));
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (std::size_t g = 0; g < test.groups.size(); ++g) {
    const bool split = test.groups.size() == 2;
    const auto begin = tensors.begin() + (g == 1 ? 2 : 0), end = split && g == 0 ? tensors.begin() + 2 : tensors.end();
    groups.emplace_back(std::vector<torch::Tensor>(begin, end),
                        std::make_unique<Options>(make_options(test.groups[g])));
  }
  TorchOptimizer optimizer(groups, make_options(test.groups[0]));
  for (int step = 0; step < num_steps; ++step) {
    if (step == num_steps / 2 && test.late_lr > 0) {
      for (auto& group : optimizer.param_groups()) group.options().set_lr(test.late_lr);
    }
    set_gradients(tensors, step, test.gaps, test.groups[0].maximize);
    optimizer.step();
  }
  return tensors;
}

/// Returns the largest difference between two lists, relative for numbers above 1.
inline double distance(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  double result = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = a[i].detach(), y = b[i].detach();
    result = std::max(result, ((x - y).abs() / y.abs().clamp_min(1)).max().item<double>());
  }
  return result;
}

inline bool equal(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!torch::equal(a[i], b[i])) return false;
  }
  return a.size() == b.size();
}

/// The results of PyTorch in Python, or the reason why it is unavailable. The interpreter is `HONE_PYTHON`, else
/// `python3`.
struct Reference {
  std::map<std::string, std::vector<torch::Tensor>> parameters;
  std::string unavailable;
};

template <class Rule>
Reference run_python(const char* rule, const std::vector<Case<Rule>>& cases) {
  Reference result;
  const auto script = std::filesystem::absolute(std::filesystem::path(__FILE__).parent_path() / "reference.py");
  const char* chosen = std::getenv("HONE_PYTHON");
  const std::string python = chosen && *chosen ? chosen : "python3";
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("hone_reference_{}_{}", rule, std::rand());
  std::filesystem::create_directories(folder);
  const auto input = folder / "cases", output = folder / "values", errors = folder / "errors";
  std::ofstream lines(input);
  for (const auto& test : cases) {
    lines << fmt::format("{} {} {} {}", test.name, rule, int{test.gaps}, test.late_lr);
    for (const auto& settings : test.groups) {
      char separator = ' ';
      const auto write = [&](const auto& field) {
        lines << separator << field.first << '=' << fmt::format("{}", +(settings.*field.second));
        separator = ',';
      };
      std::apply([&](const auto&... field) { (write(field), ...); }, Rule::fields());
    }
    lines << '\n';
  }
  lines.close();
  const auto command = fmt::format("'{}' '{}' < '{}' > '{}' 2> '{}'", python, script.string(), input.string(),
                                   output.string(), errors.string());
  if (std::system(command.c_str()) != 0) {
    std::ifstream stream(errors);
    for (std::string line; std::getline(stream, line);) result.unavailable = line;  // the last line names the reason
    if (result.unavailable.empty()) result.unavailable = python + " could not be run";
  } else {
    std::ifstream stream(output);
    for (std::string line; std::getline(stream, line);) {
      std::istringstream words(line);
      std::string name;
      std::size_t k = 0;
      words >> name >> k;
      std::vector<float> values;
      for (float value = 0; words >> value;) values.push_back(value);
      result.parameters[name].push_back(torch::tensor(values).reshape(shapes[k]));
    }
  }
  std::filesystem::remove_all(folder);
  return result;
}

}  // namespace trajectory

// SPDX-License-Identifier: Apache-2.0
/// hone's part of compare.py: trains, saves and continues, or loads and continues. Prints the loss of each update and
/// the loss of an evaluation.
///
///     interchange train|resume CASE DATA CHECKPOINT
///     interchange safetensors FROM TO     copies weights
///     interchange keys FILE               prints the top-level keys of a file of torch.save
#include <fmt/format.h>
#include <torch/torch.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <hone/checkpoint/pytorch.hpp>
#include <hone/checkpoint/safetensors.hpp>
#include <hone/hone.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using Batches = std::vector<std::pair<torch::Tensor, torch::Tensor>>;

struct Task {
  bool resumes = false;
  std::string checkpoint;
  std::int64_t saved_after = 0;  // updates
  std::int64_t total = 0;        // updates
  Batches all, rest;

  Task(const std::string& mode, const std::string& data, std::string file)
      : resumes(mode == "resume"), checkpoint(std::move(file)) {
    const auto fields = hone::read_checkpoint(data);
    const auto batch_size = fields.at("batch_size").get<std::int64_t>();
    saved_after = fields.at("saved_after").get<std::int64_t>();
    total = fields.at("total").get<std::int64_t>();
    const auto x = fields.at("x").get<at::Tensor>().split(batch_size);
    const auto y = fields.at("y").get<at::Tensor>().split(batch_size);
    for (std::size_t i = 0; i < x.size(); ++i) all.emplace_back(x[i].clone(), y[i].clone());
    rest.assign(all.begin() + saved_after, all.end());
  }
};

void print(double loss) { fmt::print("{:.9g}\n", loss); }

template <class Optimizer, class... Schedule>
void run(const Task& task, Optimizer settings, Schedule... schedule) {
  torch::manual_seed(1);
  torch::nn::Sequential model({{"fc1", torch::nn::Linear(torch::nn::LinearOptions(6, 16).bias(false))},
                               {"norm", torch::nn::BatchNorm1d(16)},
                               {"act", torch::nn::Tanh()},
                               {"fc2", torch::nn::Linear(16, 3)}});
  const auto print_loss = [](const auto& event) { print(event.output.loss.template item<double>()); };
  const auto save = [&task](const auto& event) {
    if (task.resumes || event.run.num_updates() != task.saved_after) return;
    event.trainer.save_checkpoint(task.checkpoint, {.extra = {{"note", "from hone"}, {"best", 0.25}, {"epoch", 3}}});
  };
  auto trainer = hone::Trainer{model,       torch::nn::CrossEntropyLoss{},         settings,
                               schedule..., hone::on<hone::TrainLoss>(print_loss), hone::on<hone::OptimizerStep>(save)};
  if (task.resumes) trainer.load_checkpoint(task.checkpoint);
  trainer.train(task.resumes ? task.rest : task.all);
  if (!task.resumes) trainer.save_training_state(task.checkpoint + ".state");
  print(trainer.evaluate(task.all).at("evaluation_loss"));
}

void run(const Task& task, const std::string& name) {
  const hone::AdamW adamw{.lr = 0.02, .weight_decay = 0.1};
  const hone::Sgd sgd{.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-3};
  const hone::CosineLr cosine{.total_updates = task.total, .min_lr = 1e-3};
  if (name == "adamw_cosine" || name == "adamw_annealing") return run(task, adamw, cosine);
  if (name == "sgd_lambda") return run(task, sgd, hone::ExponentialLr{.gamma = 0.8});
  if (name == "sgd_wsd") {
    return run(
        task, sgd,
        hone::WsdLr{.total_updates = task.total, .warmup_updates = 0, .decay_phase_ratio = 0.6, .min_lr_ratio = 0.1});
  }
  if (name == "sgd") return run(task, sgd);
  throw std::invalid_argument("there is no case " + name);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "safetensors") {
    hone::write_safetensors(arguments[2], hone::read_safetensors(arguments[1]).tensors);
  } else if (arguments.size() == 2 && arguments[0] == "keys") {
    const auto contents = hone::read_checkpoint(arguments[1]);
    for (const auto& entry : contents.get<hone::Dict>()) fmt::print("{}\n", entry.key.get<std::string>());
  } else if (arguments.size() == 4) {
    run(Task(arguments[0], arguments[2], arguments[3]), arguments[1]);
  } else {
    throw std::invalid_argument("arguments: train|resume CASE DATA CHECKPOINT, or safetensors FROM TO, or keys FILE");
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

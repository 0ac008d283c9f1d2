// SPDX-License-Identifier: Apache-2.0
/// The names that code blocks of the README and the docs use without declaring them. The blocks are compiled and not
/// linked, so declarations are sufficient. A page has a namespace, in which its blocks are compiled too.
#pragma once

#include <fmt/format.h>
#include <torch/torch.h>

#include <atomic>
#include <boost/hana.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <hone/distributed.hpp>
#include <hone/hone.hpp>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#if __has_include(<mpi.h>)
#include <mpi.h>
#endif

namespace docs {

struct MlpImpl : torch::nn::Module {
  torch::nn::Linear body = register_module("body", torch::nn::Linear(784, 64));
  torch::nn::Linear head = register_module("head", torch::nn::Linear(64, 10));
  torch::Tensor forward(const torch::Tensor& inputs, const torch::Tensor& more = {});
};
TORCH_MODULE(Mlp);

using Batch = std::pair<torch::Tensor, torch::Tensor>;
using Dataset = hone::TensorDataset<Batch>;

extern Mlp model;
extern torch::nn::CrossEntropyLoss loss;
extern torch::Tensor x, y, images, outputs, target;
extern Dataset train_set, eval_set, test_set, dataset;
extern Batch batch;
extern std::vector<Batch> batches;
extern hone::Trainer<Mlp, torch::nn::CrossEntropyLoss, hone::Adam> trainer;
extern const hone::RunHistory history;
Batch next_batch();

/// A callback with a result.
struct Counts {
  std::int64_t steps = 0;
  void on_train_step_end(const auto&) { ++steps; }
};
struct LargestLoss {
  double largest = 0.0;
  void on_train_step_end(const auto& event) { largest = std::max(largest, event.output.loss.template item<double>()); }
};
/// A term of a loss that depends on the weights alone.
torch::Tensor penalty(Mlp& model);

}  // namespace docs

namespace docs::callbacks {
extern Counts callback;
}

#ifdef DOCS_CAPTURE
namespace docs::capture {
extern decltype(hone::Trainer{model, loss, hone::AdamW{}, hone::Cuda<>{}, hone::StepCapture<>{},
                              hone::ClipNorm{.max_norm = 1.0}}) trainer;
}
#endif

namespace docs::checkpoints {
extern hone::FusedOptimizer<hone::AdamW> optimizer;
}

struct Houses;
namespace docs::data {
extern hone::TensorDataset<Houses> houses;
struct Sentences;
extern Sentences sentences;
extern std::vector<double> weights;
extern Dataset digits;
extern torch::Tensor area, place, price, x1, y1, x2, y2;
struct MyDataset : torch::data::datasets::Dataset<MyDataset> {
  torch::data::Example<> get(std::size_t index) override;
  [[nodiscard]] std::optional<std::size_t> size() const override;
};
}  // namespace docs::data

#ifdef DOCS_DEBUGGING_RANKS
namespace docs::debugging_ranks {
extern decltype(hone::Trainer{model, loss, hone::Adam{}, hone::Ddp{hone::Gloo{}}}) trainer;
}
#endif

#ifdef DOCS_DISTRIBUTED
namespace docs::distributed {
namespace fs = std::filesystem;
extern decltype(hone::Trainer{model, loss, hone::AdamW{}, hone::Zero<1>{hone::Gloo{}}}) trainer;
extern hone::RandomSampler sampler;
extern torch::Tensor tensor;
#if __has_include(<mpi.h>)
extern MPI_Comm half;
#endif
}  // namespace docs::distributed
#endif

#ifdef DOCS_EMBEDDING
namespace docs::embedding {
extern torch::nn::Sequential surrogate, model_a, model_b;
extern torch::Tensor state;
extern std::vector<Batch> eval_set;
extern decltype(hone::Trainer{surrogate, torch::nn::MSELoss{}, hone::Adam{}, hone::Ddp{hone::Gloo{}}}) trainer;
extern decltype(trainer.begin_run()) run;
torch::Tensor simulate(const torch::Tensor& state);
#if __has_include(<mpi.h>)
extern MPI_Comm half;
#endif
}  // namespace docs::embedding
#endif

namespace docs::evaluation {
extern Dataset shifted_set;
}

namespace docs::faq {
extern Dataset digits;
}

namespace docs::finders {
inline auto make_trainer() { return hone::Trainer{model, loss, hone::Adam{}}; }
double lr_of(std::int64_t update);
}  // namespace docs::finders

#ifdef DOCS_FINETUNING
namespace docs::finetuning {
extern hone::ModelFreezer freezer;
extern hone::FusedOptimizer<hone::Sgd> optimizer;
extern hone::ModelEma<> ema;
extern decltype(hone::ModelAverage{model, hone::ExponentialAverage{}}) average;
}  // namespace docs::finetuning
#endif

namespace docs::guide {
extern std::int64_t n;
extern std::ofstream file;
}  // namespace docs::guide

namespace docs::memory {
using Layer = torch::nn::TransformerEncoderLayer;
extern torch::nn::TransformerEncoderLayerOptions options;
extern torch::nn::Linear layer, body, head;
}  // namespace docs::memory

namespace docs::metrics {
extern hone::Accuracy other;
}

namespace docs::migration_torchtnt {
extern std::vector<Batch> train_loader, eval_loader;
}

namespace docs::optimizers {
struct GanImpl : torch::nn::Module {
  torch::nn::Linear generator = register_module("generator", torch::nn::Linear(4, 1));
  torch::nn::Linear discriminator = register_module("discriminator", torch::nn::Linear(1, 1));
};
TORCH_MODULE(Gan);
extern Gan gan;
torch::Tensor d_loss(Gan& gan, const torch::Tensor& real);
torch::Tensor g_loss(Gan& gan, const torch::Tensor& real);
}  // namespace docs::optimizers

namespace docs::schedules {
extern hone::ReduceOnPlateau plateau;
extern hone::FusedOptimizer<hone::Sgd> optimizer;
extern double eval_loss;
extern std::int64_t update;
}  // namespace docs::schedules

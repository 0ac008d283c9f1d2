// SPDX-License-Identifier: Apache-2.0
/// The runs of a trainer, compiled three times and compared: with LISTENERS_none, without callbacks; with
/// LISTENERS_unheard, with a callback that handles no event of these runs; with LISTENERS_heard, with a callback that
/// handles every step.
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"

struct Net {
  at::Tensor weight;
  at::Tensor forward(const at::Tensor& inputs);
  hone::NamedParameters named_parameters() const;
};
struct Loss {
  at::Tensor operator()(const at::Tensor& outputs, const at::Tensor& target) const;
};

void hear();
struct News {};

struct Listener {
  void on_init_end(const auto&) { hear(); }
  void on_predict_run_start(const hone::PredictRunStart&) { hear(); }
  void on_predict_step_start(const auto&) { hear(); }
  void on_predict_step_end(const auto&) { hear(); }
  void on_predict_run_end(const hone::PredictRunEnd&) { hear(); }
  void on_save_checkpoint(const hone::SaveCheckpoint&) { hear(); }
  void on_load_checkpoint(const hone::LoadCheckpoint&) { hear(); }
  void on_event(const News&) { hear(); }
#ifdef LISTENERS_heard
  void on_train_step_end(const hone::TrainStepEnd&) { hear(); }
#endif
};

#ifdef LISTENERS_none
using Callbacks = hone::Callbacks<>;
#else
using Callbacks = hone::Callbacks<Listener>;
#endif
using Trainer = hone::Trainer<Net, Loss, hone::Sgd, Callbacks>;
using Set = hone::TensorDataset<std::pair<at::Tensor, at::Tensor>>;
using Batch = std::pair<at::Tensor, at::Tensor>;

void train(Trainer& trainer, Set& set) { trainer.train(set, set, {.num_epochs = 3}); }
void evaluate(Trainer& trainer, Set& set) { trainer.evaluate(set); }
void step(Trainer& trainer, Batch& batch) { trainer.step(batch); }

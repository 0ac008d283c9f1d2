// expect: hone: the second argument is an optimizer: it has `step` and `zero_grad`. Pass the arguments in the order Model, Loss, Optimizer.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Everything that can be asked of a trainer with invalid types causes no further error.
#include <torch/torch.h>

#include "hone/hone.hpp"
#include "hone/tune/batch_size_finder.hpp"

struct Counter {
  int count = 0;
  void on_train_epoch_end(const hone::TrainEpochEnd&) { ++count; }
};
struct Own {
  int count = 0;
  void zero_grad(auto& trainer) {
    ++count;
    trainer.zero_grad();
  }
};

void train(std::vector<std::pair<torch::Tensor, torch::Tensor>> batches,
           hone::TensorDataset<std::pair<torch::Tensor, torch::Tensor>> dataset) {
  torch::nn::Linear model{2, 2};
  auto named = hone::named<"counter">(Counter{});
#ifdef FIXED
  hone::Trainer trainer{model,
                        torch::nn::CrossEntropyLoss{},
                        hone::Sgd{.lr = 0.1},
                        hone::ClipNorm{.max_norm = 1.0},
                        Counter{},
                        named,
                        Own{},
                        hone::StepLr{}};
#else
  hone::Trainer trainer{
      model, hone::Sgd{.lr = 0.1}, torch::nn::CrossEntropyLoss{}, hone::ClipNorm{.max_norm = 1.0}, Counter{}, named,
      Own{}, hone::StepLr{}};
#endif
  hone::RunHistory history = trainer.train(batches, {.num_epochs = 2});
  history = trainer.train(batches, batches, hone::TrainOptions{.num_epochs = 2});
  history = trainer.resume("states", batches, {.num_epochs = 2});
  history = trainer.resume("states", dataset, dataset);
  history = trainer.evaluate(batches);
  trainer.predict(dataset, {.per_device_batch_size = 4}).argmax(1);

  auto run = trainer.begin_run({.max_updates = 2});
  while (!run.is_over()) run.step(batches.front()).loss.item<double>();
  run.run().request_stop("enough");
  run.end_epoch();
  if (run.mean_loss() < 1.0) history = run.end();
  trainer.begin_run(batches, {.max_updates = 2}).end();
  trainer.resume_run("states").end();
  trainer.resume_run("states", batches).end();

  std::int64_t count = trainer.step(batches.front()).batch_size;
  trainer.finish_window();
  trainer.evaluate_batch(batches.front()).outputs.size(0);
  double sum = trainer.mean_loss();
  trainer.reset_mean_loss();

  for (auto& batch : trainer.create_train_dataloader(batches, hone::LoaderOptions{})) {
    trainer.backward(trainer.train_batch_loss(batch).loss);
  }
  for (auto& batch : trainer.create_eval_dataloader(batches, hone::LoaderOptions{})) {
    sum += trainer.eval_batch_loss(batch).loss.item<double>() + trainer.predict_batch(batch).sum().item<double>();
  }
  trainer.train_epoch_start();
  trainer.eval_epoch_start();
  trainer.optimizer_step();
  trainer.scheduler_step();
  trainer.zero_grad();

  hone::Dict state = trainer.saves_optimizer ? trainer.checkpoint() : trainer.checkpoint({.save_optimizer = false});
  trainer.save_checkpoint("file.pt");
  trainer.save_checkpoint("file.pt", {.save_optimizer = false});
  state = trainer.load_checkpoint("file.pt", {.load_scheduler = false});
  trainer.load_checkpoint(state);
  state = trainer.training_state();
  trainer.save_training_state("file.pt", {{"note", "mine"}});
  trainer.load_training_state(state);
  trainer.load_training_state("file.pt");
  count += trainer.place().num_updates;

  trainer.model()->parameters();
  trainer.loss()->options.reduction();
  trainer.optimizer().set_lr(0, 0.1);
  count += trainer.callbacks().get<Counter>().count + trainer.callbacks().get<"counter">().count;
  count += trainer.overrides().count + trainer.accumulation().num_batches_per_update();
  trainer.clipping().max_norm = 2.0;
  static_cast<void>(trainer.execution());
  static_cast<void>(trainer.splitting());
  static_cast<void>(trainer.precision());
  if (trainer.device().is_cpu() && !trainer.schedule_drives_lr) trainer.run().request_stop("enough");
  history = trainer.run_history();
  trainer.schedule().step_size = 2;
  sum += trainer.active_schedule().gamma;
  count += trainer.scheduled_updates();
  trainer.restart_schedule();

  static_cast<void>(trainer.distribution());
  count += trainer.rank() + trainer.world_size();
  static_cast<void>(trainer.data_shard());
  trainer.all_gather(batches.front().first).size(0);
  trainer.all_reduce_sum(std::span(&sum, 1));
  hone::Accuracy accuracy;
  trainer.merge_across_ranks(accuracy);
  trainer.on_rank_zero([] { return 1; });
  trainer.print("done");
  trainer.notify(42);

  count += hone::find_batch_size(trainer, dataset, {.max = 64});
}

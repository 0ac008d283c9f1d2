// SPDX-License-Identifier: Apache-2.0
/// A callback and overrides that record their calls in a common list.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hone/callbacks/hooks.hpp"

namespace hone {

using Trace = std::vector<std::string>;

/// Records the name of every hook, after a dot.
struct TracingCallback {
  Trace* trace = nullptr;

#define HONE_TRACE_HOOK(hook, Event) \
  void hook(const Event&) { trace->push_back("." #hook); }
  HONE_HOOKS(HONE_TRACE_HOOK)
#undef HONE_TRACE_HOOK
};

/// Records the name of every override, and calls the trainer's implementation.
struct TracingOverrides {
  Trace* trace = nullptr;

  auto train_batch_loss(auto& trainer, auto& batch) {
    trace->push_back("train_batch_loss");
    return trainer.train_batch_loss(batch);
  }
  auto eval_batch_loss(auto& trainer, auto& batch) {
    trace->push_back("eval_batch_loss");
    return trainer.eval_batch_loss(batch);
  }
  auto predict_batch(auto& trainer, auto& batch) {
    trace->push_back("predict_batch");
    return trainer.predict_batch(batch);
  }
  void backward(auto& trainer, const auto& loss) {
    trace->push_back("backward");
    trainer.backward(loss);
  }
  auto create_train_dataloader(auto& trainer, auto& dataset, const auto& options) {
    trace->push_back("create_train_dataloader");
    return trainer.create_train_dataloader(dataset, options);
  }
  auto create_eval_dataloader(auto& trainer, auto& dataset, const auto& options) {
    trace->push_back("create_eval_dataloader");
    return trainer.create_eval_dataloader(dataset, options);
  }
#define HONE_TRACE_STEP(step) \
  void step(auto& trainer) {  \
    trace->push_back(#step);  \
    trainer.step();           \
  }
  HONE_TRACE_STEP(optimizer_step)
  HONE_TRACE_STEP(scheduler_step)
  HONE_TRACE_STEP(zero_grad)
  HONE_TRACE_STEP(train_epoch_start)
  HONE_TRACE_STEP(eval_epoch_start)
#undef HONE_TRACE_STEP
#define HONE_TRACE_MARK(step) \
  void step(auto&) { trace->push_back(#step); }
  HONE_TRACE_MARK(training_run_start)
  HONE_TRACE_MARK(train_epoch_end)
  HONE_TRACE_MARK(eval_epoch_end)
  HONE_TRACE_MARK(training_run_epoch_end)
  HONE_TRACE_MARK(training_run_end)
  HONE_TRACE_MARK(evaluation_run_start)
  HONE_TRACE_MARK(evaluation_run_end)
#undef HONE_TRACE_MARK
};

}  // namespace hone

// SPDX-License-Identifier: Apache-2.0
/// Metrics, and a logger: a callback that writes a line of a CSV file after each epoch.
/* prints:
 * epoch,lr,train_loss_epoch,train_accuracy_epoch,eval_loss_epoch,eval_accuracy_epoch,eval_f1_epoch
 * 1,0.001,...
 * 2,0.001,...
 * 3,0.001,...
 * accuracy on the test set above 0.8: true
 * most of the fours are classified as fours: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <hone/hone.hpp>
#include <iostream>

/// Writes the newest values of the history to a file, a column for each name.
class CsvLogger {
 public:
  CsvLogger(const std::filesystem::path& path, std::vector<std::string> names)
      : file_(path), names_(std::move(names)) {}

  void on_training_run_start(const hone::TrainingRunStart&) {
    file_ << "epoch,lr";
    for (const auto& name : names_) file_ << ',' << name;
    file_ << '\n';
  }
  /// After the training and the evaluation of an epoch.
  void on_training_run_epoch_end(const auto& event) {
    file_ << event.run.epoch() << ',' << event.trainer.optimizer().lr();
    for (const auto& name : names_) file_ << ',' << fmt::format("{:.4f}", event.run.history().at(name));
    file_ << '\n' << std::flush;  // to follow the run with `tail -f`
  }

 private:
  std::ofstream file_;
  std::vector<std::string> names_;
};

int main() {
  torch::manual_seed(0);
  auto model = torch::nn::Sequential(torch::nn::Flatten(), torch::nn::Linear(784, 64), torch::nn::ReLU(),
                                     torch::nn::Linear(64, 10));
  const auto train_set = hone::digits(5'000, /*seed=*/1);
  const auto eval_set = hone::digits(1'000, /*seed=*/2);
  const auto test_set = hone::digits(1'000, /*seed=*/3);
  const auto path = std::filesystem::temp_directory_path() / "hone_example_metrics.csv";

  auto metrics =
      hone::Metrics{hone::Accuracy{}, hone::F1{.average = hone::Average::macro}, hone::ConfusionMatrix{}}.in_training();
  CsvLogger logger(
      path, {"train_loss_epoch", "train_accuracy_epoch", "eval_loss_epoch", "eval_accuracy_epoch", "eval_f1_epoch"});
  // The metrics come before the logger that reads their values. Only rank 0 writes the file.
  auto trainer = hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::Adam{.lr = 1e-3}, std::ref(metrics),
                               hone::rank_zero(std::move(logger))};
  trainer.train(train_set, eval_set,
                hone::TrainOptions{.num_epochs = 3, .per_device_batch_size = 32, .seed = 0, .num_threads = 1});
  std::cout << std::ifstream(path).rdbuf() << std::flush;
  std::filesystem::remove(path);

  const auto result = trainer.evaluate(test_set);
  fmt::print("accuracy on the test set above 0.8: {}\n", result.at("evaluation_accuracy") > 0.8);
  const auto& matrix = metrics.get<hone::ConfusionMatrix>();  // of the most recent evaluation
  fmt::print("most of the fours are classified as fours: {}\n", matrix.count(4, 4) > 2 * matrix.count(4, 9));
}

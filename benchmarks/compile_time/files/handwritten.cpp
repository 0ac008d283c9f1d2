// SPDX-License-Identifier: Apache-2.0
/// The baseline of the other files: a hand-written LibTorch loop that trains the same network, clips gradients and
/// evaluates.
#include <torch/torch.h>

#include <cstdint>
#include <cstdio>
#include <limits>
#include <utility>

namespace {

/// Random images and labels with the shapes of the README's digits.
std::pair<torch::Tensor, torch::Tensor> make_data(std::int64_t count) {
  return {torch::rand({count, 1, 28, 28}), torch::randint(10, {count}, torch::kInt64)};
}

struct Score {
  double loss;
  double accuracy;
};

Score evaluate(torch::nn::Sequential& model, const std::pair<torch::Tensor, torch::Tensor>& data,
               std::int64_t batch_size) {
  const torch::NoGradGuard no_gradients;
  model->eval();
  double loss_sum = 0.0;
  std::int64_t correct = 0;
  const std::int64_t count = data.first.size(0);
  for (std::int64_t begin = 0; begin < count; begin += batch_size) {
    const std::int64_t end = std::min(begin + batch_size, count);
    const auto images = data.first.slice(0, begin, end);
    const auto labels = data.second.slice(0, begin, end);
    const auto output = model->forward(images);
    loss_sum += torch::nn::functional::cross_entropy(output, labels).item<double>() * static_cast<double>(end - begin);
    correct += output.argmax(1).eq(labels).sum().item<std::int64_t>();
  }
  return {loss_sum / static_cast<double>(count), static_cast<double>(correct) / static_cast<double>(count)};
}

}  // namespace

int main() {
  torch::manual_seed(0);
  auto model = torch::nn::Sequential(torch::nn::Flatten(), torch::nn::Linear(784, 64), torch::nn::ReLU(),
                                     torch::nn::Linear(64, 10));
  const auto train_set = make_data(5'000);
  const auto eval_set = make_data(1'000);

  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(1e-3));
  torch::nn::CrossEntropyLoss loss_function;
  const std::int64_t batch_size = 32;
  double best = std::numeric_limits<double>::infinity();
  int waited = 0;
  for (int epoch = 1; epoch <= 8; ++epoch) {
    model->train();
    const auto order = torch::randperm(train_set.first.size(0), torch::kInt64);
    double loss_sum = 0.0;
    std::int64_t correct = 0;
    std::int64_t count = 0;
    for (const auto& indices : order.split(batch_size)) {
      const auto images = train_set.first.index_select(0, indices);
      const auto labels = train_set.second.index_select(0, indices);
      const auto output = model->forward(images);
      const auto loss = loss_function->forward(output, labels);
      loss.backward();
      torch::nn::utils::clip_grad_norm_(model->parameters(), 1.0);
      optimizer.step();
      optimizer.zero_grad();
      loss_sum += loss.item<double>() * static_cast<double>(labels.size(0));
      correct += output.argmax(1).eq(labels).sum().item<std::int64_t>();
      count += labels.size(0);
    }
    std::printf("epoch %d train loss %.4f accuracy %.4f\n", epoch, loss_sum / static_cast<double>(count),
                static_cast<double>(correct) / static_cast<double>(count));
    const auto score = evaluate(model, eval_set, batch_size);
    std::printf("epoch %d eval  loss %.4f accuracy %.4f\n", epoch, score.loss, score.accuracy);
    waited = score.loss < best ? 0 : waited + 1;
    best = std::min(best, score.loss);
    if (waited >= 3) break;
  }

  const torch::NoGradGuard no_gradients;
  model->eval();
  const auto scores = model->forward(eval_set.first);  // [1000, 10]
  std::printf("%lld scores\n", static_cast<long long>(scores.size(0)));
}

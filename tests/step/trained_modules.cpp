// SPDX-License-Identifier: Apache-2.0
/// Tests that a loss with parameters and buffers is trained, saved and resumed like the model.
#include "hone/step/trained_modules.hpp"

#include <torch/torch.h>

#include <string>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

/// Cross entropy with a learned temperature, and a running mean of its values in training.
struct LearnedLossImpl : torch::nn::Module {
  torch::Tensor scale = register_parameter("scale", torch::ones({}));
  torch::Tensor running = register_buffer("running", torch::zeros({}));
  int num_evaluations = 0;
  torch::Tensor forward(const torch::Tensor& outputs, const torch::Tensor& target) {
    auto loss = torch::nn::functional::cross_entropy(outputs * scale, target);
    if (is_training()) {
      running.mul_(0.9).add_(loss.detach(), 0.1);
    } else {
      ++num_evaluations;
    }
    return loss;
  }
};
TORCH_MODULE(LearnedLoss);

/// The same training in a hand-written loop.
void train_by_hand(tiny::Net& net, LearnedLoss& loss, int epochs) {
  auto parameters = net->parameters();
  for (auto& parameter : loss->parameters()) parameters.push_back(parameter);
  torch::optim::SGD optimizer(parameters, torch::optim::SGDOptions(0.1).momentum(0.9));
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (auto& [inputs, labels] : tiny::batches(3)) {
      loss->forward(net->forward(inputs), labels).backward();
      optimizer.step();
      optimizer.zero_grad();
    }
  }
}

auto trainer_of(tiny::Net net, LearnedLoss loss, auto... policies) {
  return hone::Trainer{net, loss, hone::Sgd{.lr = 0.1, .momentum = 0.9}, std::move(policies)...};
}

TEST_CASE("parameters and buffers of the loss are trained as in a hand-written loop") {
  tiny::Net net, by_hand;
  LearnedLoss loss, loss_by_hand;
  trainer_of(net, loss).train(tiny::batches(3), {.num_epochs = 2});
  train_by_hand(by_hand, loss_by_hand, 2);
  CHECK(loss->scale.allclose(loss_by_hand->scale, 0, 1e-6));
  CHECK(loss->running.allclose(loss_by_hand->running, 0, 1e-6));
  CHECK(loss->scale.item<float>() != 1.0F);
  CHECK(!loss->scale.grad().defined());
  CHECK(tiny::weights(net)[0].allclose(tiny::weights(by_hand)[0], 0, 1e-6));
}

TEST_CASE("the loss is in evaluation mode during evaluations, and its mode is restored") {
  LearnedLoss loss;
  auto trainer = trainer_of(tiny::Net(), loss);
  trainer.train(tiny::batches(3), tiny::batches(2), {.num_epochs = 2});
  CHECK(loss->num_evaluations == 4);
  const auto running = loss->running.clone();
  trainer.evaluate(tiny::batches(2));
  trainer.evaluate_batch(tiny::batches(1)[0]);
  CHECK(loss->num_evaluations == 7);
  CHECK(running.equal(loss->running));
  CHECK(loss->is_training());
  loss->eval();  // frozen by the user
  trainer.train(tiny::batches(3));
  CHECK(loss->num_evaluations == 10);
  CHECK(!loss->is_training());
}

TEST_CASE("the loss is resumed exactly from the training state of every batch, and from checkpoints") {
  const files::Folder folder;
  const auto make = [](tiny::Net net, LearnedLoss loss, std::vector<hone::Dict>* states) {
    return trainer_of(net, loss, hone::GradAccum<2>{}, hone::on<hone::ResumePoint>([states](const auto& event) {
                        states->push_back(hone::cloned(event.trainer.training_state()));
                      }));
  };
  tiny::Net whole_net;
  LearnedLoss whole_loss;
  std::vector<hone::Dict> states, ignored;
  auto whole = make(whole_net, whole_loss, &states);
  whole.train(tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 3, .seed = 1});
  REQUIRE(states.size() == 10);
  for (const auto& state : states) {
    tiny::Net net;
    LearnedLoss loss;
    auto rest = make(net, loss, &ignored);
    rest.resume(state, tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 3, .seed = 1});
    CHECK(loss->scale.equal(whole_loss->scale));
    CHECK(loss->running.equal(whole_loss->running));
    CHECK(tiny::equal(tiny::weights(net), tiny::weights(whole_net)));
  }
  whole.save_checkpoint(folder / "checkpoint.pt");
  LearnedLoss loaded;
  auto other = make(tiny::Net(), loaded, &ignored);
  other.load_checkpoint(folder / "checkpoint.pt");
  CHECK(loaded->scale.equal(whole_loss->scale));
  CHECK(loaded->running.equal(whole_loss->running));
  hone::Dict without = hone::read_checkpoint(folder / "checkpoint.pt").get<hone::Dict>();
  without.set("loss_state_dict", hone::Dict());
  CHECK_THROWS_AS(other.load_checkpoint(without), hone::DataError);
}

TEST_CASE("a checkpoint has no entry for a loss without state") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}};
  CHECK(!trainer.checkpoint().contains("loss_state_dict"));
}

TEST_CASE("a parameter that model and loss share is listed once") {
  struct Shares : torch::nn::Module {
    explicit Shares(tiny::Net net) : net_(register_module("net", net)) {}
    torch::Tensor forward(const torch::Tensor& outputs, const torch::Tensor& target) {
      return torch::nn::functional::cross_entropy(outputs, target) + 0.01 * net_->parameters()[0].square().sum();
    }
    tiny::Net net_;
  };
  tiny::Net net;
  auto loss = std::make_shared<Shares>(net);
  const hone::TrainedModules<tiny::Net, std::shared_ptr<Shares>> modules{net, loss};
  CHECK(modules.named_parameters().size() == net->parameters().size());
  auto trainer = hone::Trainer{net, loss, hone::Sgd{.lr = 0.1}};
  CHECK_NOTHROW(trainer.train(tiny::batches(2)));
}

/// A loss with state that is not a module.
struct GrowingLoss {
  std::int64_t calls = 0;
  torch::Tensor operator()(const torch::Tensor& outputs, const torch::Tensor& target) {
    return torch::nn::functional::cross_entropy(outputs, target) * (1.0 + 0.1 * static_cast<double>(++calls));
  }
  void serialize(auto& archive) { archive("calls", calls); }
};

TEST_CASE("a loss that is not a module is resumed with its `serialize`") {
  const auto make = [](tiny::Net net) { return hone::Trainer{net, GrowingLoss{}, hone::Sgd{.lr = 0.1}}; };
  tiny::Net whole, rest;
  auto first = make(whole);
  first.train(tiny::batches(3));
  const auto state = hone::cloned(first.training_state());
  auto second = make(rest);
  second.load_training_state(state);
  CHECK(second.loss().calls == 3);
  for (const auto& batch : tiny::batches(2)) {
    first.step(batch);
    second.step(batch);
  }
  CHECK(tiny::equal(tiny::weights(whole), tiny::weights(rest)));
}

}  // namespace

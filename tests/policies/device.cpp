// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/device.hpp"

#include <torch/torch.h>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

/// A custom device that the host cannot read: copies every batch and counts the copies.
struct Elsewhere {
  using slot = hone::slots::Device;
  int* moves = nullptr;

  [[nodiscard]] static c10::Device device() { return torch::kCPU; }
  template <class Batch>
  [[nodiscard]] std::remove_const_t<Batch> move(Batch& batch) const {
    ++*moves;
    return hone::map_tensors(batch, [](const Tensor& tensor) { return tensor.clone(); });
  }
};
static_assert(hone::DevicePolicy<Elsewhere> && !hone::HostAccessible<Elsewhere>);

struct Arrived {
  std::vector<const void*>* addresses;
  void on_train_step_start(const auto& event) { addresses->push_back(event.batch.first.const_data_ptr()); }
};

TEST_CASE("Cpu::move returns the batch itself") {
  auto batch = tiny::batches(1)[0];
  CHECK(&hone::Cpu::move(batch) == &batch);
  const auto& constant = batch;
  CHECK(&hone::Cpu::move(constant) == &constant);
  CHECK(hone::Cpu::device() == c10::Device(torch::kCPU));
}

TEST_CASE("a custom device policy moves each batch once, and the trained weights are the same") {
  int moves = 0;
  std::vector<const void*> addresses;
  tiny::Net net, on_host;
  auto trainer = hone::Trainer{net,
                               torch::nn::CrossEntropyLoss(),
                               hone::Sgd{.lr = 0.1},
                               hone::GradAccum<2>{},
                               Elsewhere{&moves},
                               Arrived{&addresses}};
  const auto batches = tiny::batches(3);
  const auto history = trainer.train(batches, batches);
  CHECK(moves == 6);
  for (std::size_t i = 0; i < 3; ++i) CHECK(addresses[i] != batches[i].first.const_data_ptr());
  CHECK(trainer.predict(batches).size(0) == 12);
  CHECK(moves == 9);
  trainer.evaluate_batch(batches[0]);
  trainer.step(batches[0]);
  trainer.finish_window();
  CHECK(moves == 11);

  auto reference = hone::Trainer{on_host, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::GradAccum<2>{}};
  const auto expected = reference.train(batches, batches);
  reference.step(batches[0]);
  reference.finish_window();
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(on_host)));
  CHECK(history.at("train_loss_epoch") == Approx(expected.at("train_loss_epoch")).epsilon(1e-12));
  CHECK(history.at("eval_loss_epoch") == Approx(expected.at("eval_loss_epoch")).epsilon(1e-12));
}

/// A model whose `to` replaces its parameter.
struct Sent {
  Tensor forward(const Tensor& inputs) { return inputs * weight; }
  torch::OrderedDict<std::string, Tensor> named_parameters() const {
    torch::OrderedDict<std::string, Tensor> all;
    all.insert("weight", weight);
    return all;
  }
  void to(c10::Device device) {
    CHECK(device == c10::Device(torch::kCPU));
    weight = torch::ones({1}, torch::requires_grad());  // a new tensor, as after a move to another device
  }
  Tensor weight = torch::ones({1}, torch::requires_grad());
};

TEST_CASE("the trainer moves the model before it binds the optimizer to its parameters") {
  auto trainer = hone::Trainer{Sent{}, torch::nn::MSELoss(), hone::Sgd{.lr = 0.1}};
  CHECK(trainer.optimizer().parameters()[0].is_same(trainer.model().weight));
}

struct RequiresWithAnArgument {
  using slot = hone::slots::Device;
  static c10::Device device() { return c10::Device{c10::kCPU}; }
  static void move(auto&) {}
  void require(int) const {}
};
static_assert(hone::DevicePolicy<RequiresWithAnArgument> && !hone::ChecksAvailability<RequiresWithAnArgument>);

}  // namespace

// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/precision.hpp"

#include <torch/torch.h>

#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

/// A custom precision that counts its regions and whether one is open.
struct Regions {
  using slot = hone::slots::Precision;
  struct Region {
    int* open;
    explicit Region(int* o) : open(o) { ++*open; }
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
    ~Region() { --*open; }
  };
  int* open = nullptr;
  int* count = nullptr;

  [[nodiscard]] Region region(c10::Device device) const {
    CHECK(device == c10::Device(torch::kCPU));
    ++*count;
    return Region(open);
  }
};
static_assert(hone::PrecisionPolicy<Regions> && !hone::ScalesLoss<Regions>);

struct OutsideOfBackward {
  int* open;
  void backward(auto& trainer, const Tensor& loss) {
    CHECK(*open == 0);
    trainer.backward(loss);
  }
};

TEST_CASE("forward and loss run in the region of the precision, and backward outside it") {
  int open = 0, count = 0;
  auto loss = [&open](const Tensor& outputs, const Tensor& target) {
    CHECK(open == 1);
    return torch::nn::functional::cross_entropy(outputs, target);
  };
  auto trainer = hone::Trainer{tiny::Net(), loss, hone::AdamW{}, Regions{&open, &count}, OutsideOfBackward{&open}};
  trainer.train(tiny::batches(3), tiny::batches(2));
  CHECK(count == 5);
  trainer.predict(tiny::batches(2));
  trainer.step(tiny::batches(1)[0]);
  trainer.evaluate_batch(tiny::batches(1)[0]);
  CHECK(count == 9);
  CHECK(open == 0);
}

/// A custom loss scaler with a fixed scale, which counts its updates.
struct Scaled {
  using slot = hone::slots::Precision;
  double factor = 1024.0;
  int* updates = nullptr;
  int* unscales = nullptr;

  [[nodiscard]] static hone::NoScope region(c10::Device) { return {}; }
  [[nodiscard]] Tensor scale(const Tensor& loss) const { return loss * factor; }
  void unscale(at::TensorList gradients) const {
    ++*unscales;
    at::_foreach_mul_(gradients, 1.0 / factor);
  }
  void update(auto& optimizer) const {
    ++*updates;
    optimizer.step();
  }
};
static_assert(hone::ScalesLoss<Scaled>);

struct Largest {
  std::vector<double>* norms;
  std::vector<double>* losses;
  void on_before_optimizer_step(const auto& event) { norms->push_back(event.clipped.template item<double>()); }
  void on_train_loss(const auto& event) { losses->push_back(event.output.loss.template item<double>()); }
};

struct Result {
  std::vector<Tensor> weights;
  std::vector<double> norms, losses;
};

template <class... Settings>
Result trained(Settings... settings) {
  Result result;
  tiny::Net net;
  auto trainer = hone::Trainer{net,
                               torch::nn::CrossEntropyLoss(),
                               hone::Sgd{.lr = 0.1, .momentum = 0.9},
                               hone::ClipNorm{.max_norm = 0.2},
                               Largest{&result.norms, &result.losses},
                               settings...};
  trainer.train(tiny::batches(5), {.num_epochs = 3});
  result.weights = tiny::weights(net);
  return result;
}

TEST_CASE("a scaled loss gives the same weights, norms and reported losses, and is unscaled once per update") {
  int updates = 0, unscales = 0;
  const auto plain = trained(), scaled = trained(Scaled{1024.0, &updates, &unscales});
  CHECK(tiny::equal(plain.weights, scaled.weights));  // exact, since the scale is a power of two
  CHECK(plain.norms == scaled.norms);
  CHECK(plain.losses == scaled.losses);
  CHECK(updates == 15);
  CHECK(unscales == 15);

  updates = unscales = 0;
  const auto accumulated = trained(hone::GradAccum<2>{});
  const auto both = trained(Scaled{1000.0, &updates, &unscales}, hone::GradAccum<2>{});
  CHECK(tiny::distance(accumulated.weights, both.weights) < 1e-6);
  CHECK(updates == 9);
  CHECK(unscales == 9);
}

TEST_CASE("RunConfig contains the name of the precision") {
  int open = 0, count = 0;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Regions{&open, &count}};
  trainer.train(tiny::batches(1));
  CHECK(tiny::contains(trainer.run().config().precision, "Regions"));
}

struct RegionOfNothing {
  using slot = hone::slots::Precision;
  static hone::NoScope region() { return {}; }
};
static_assert(!hone::PrecisionPolicy<RegionOfNothing>);
static_assert(!hone::ReportsOverflow<hone::Fp32>);

}  // namespace

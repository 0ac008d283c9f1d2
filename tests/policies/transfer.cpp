// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/transfer.hpp"

#include <torch/torch.h>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

/// A custom transfer that reads one batch ahead of the step, as a double buffer does.
struct OneAhead {
  using slot = hone::slots::Transfer;
  std::vector<int>* fetched = nullptr;  // the number of batches read when each batch was returned

  template <class Batches>
  struct Range {
    Batches& batches;
    std::vector<int>* fetched;
    int read = 0;
    std::optional<decltype(batches.begin())> place{};
    std::optional<tiny::Batch> current{}, next{};

    struct Iterator {
      Range* range;
      tiny::Batch& operator*() const {
        range->fetched->push_back(range->read);
        return *range->current;
      }
      void operator++() const { range->advance(); }
      bool operator!=(std::default_sentinel_t) const { return range->current.has_value(); }
    };
    Iterator begin() {
      place = batches.begin();
      fetch();
      advance();
      return {this};
    }
    static std::default_sentinel_t end() { return {}; }

   private:
    void fetch() {
      next.reset();
      if (*place == batches.end()) return;
      next = hone::map_tensors(**place, [](const torch::Tensor& tensor) { return tensor.clone(); });
      ++*place;
      ++read;
    }
    void advance() {
      current = std::move(next);
      fetch();
    }
  };

  template <class Batches, class Device>
  Range<Batches> over(Batches& batches, const Device&) const {
    return {batches, fetched};
  }
};
static_assert(hone::TransferPolicy<hone::Direct>);

TEST_CASE("Direct::over returns the range itself") {
  auto batches = tiny::batches(2);
  const hone::Cpu cpu;
  CHECK(&hone::Direct::over(batches, cpu) == &batches);
}

TEST_CASE("a custom transfer wraps the range in training, evaluation and prediction") {
  std::vector<int> fetched;
  tiny::Net net, direct;
  auto trainer =
      hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, OneAhead{&fetched}, hone::GradAccum<2>{}};
  const auto data = tiny::dataset();
  const auto history = trainer.train(data, data, {.num_epochs = 2, .per_device_batch_size = 4, .seed = 1});
  CHECK(fetched == std::vector<int>{2, 3, 3, 2, 3, 3, 2, 3, 3, 2, 3, 3});
  CHECK(history.num_updates() == 4);
  fetched.clear();
  CHECK(trainer.predict(data, {.per_device_batch_size = 6}).size(0) == 12);
  CHECK(fetched == std::vector<int>{2, 2});

  auto reference = hone::Trainer{direct, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::GradAccum<2>{}};
  reference.train(data, data, {.num_epochs = 2, .per_device_batch_size = 4, .seed = 1});
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(direct)));
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
/// Tests of training, evaluation, prediction and resuming with views of loaders.
#include <torch/torch.h>

#include <memory>
#include <range/v3/view/take.hpp>
#include <range/v3/view/transform.hpp>
#include <range/v3/view/zip.hpp>
#include <ranges>

#include "hone/callbacks/filters.hpp"
#include "hone/data/prefetch.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/temporary_folder.hpp"

namespace {

using torch::Tensor;
using Pair = tiny::Batch;

template <class... Settings>
auto trainer_with(Settings... settings) {
  return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, std::move(settings)...};
}

auto shuffled(std::int64_t seed = 7) {
  return hone::TensorLoader(tiny::dataset(),
                            {.batch_size = 4, .shuffle = true, .seed = static_cast<std::uint64_t>(seed)});
}
const auto same_batch = [](Pair& batch) { return batch; };

struct FirstOfTwo {
  auto train_batch_loss(auto& trainer, auto& batch) {
    auto& [first, second] = batch;
    auto output = trainer.train_batch_loss(first);
    output.loss = output.loss + 0.1 * trainer.train_batch_loss(second).loss;
    return output;
  }
};

/// Returns the weights after `epochs`, in one run, or resumed from the state after `stop_after` updates.
template <class MakeData, class... Settings>
std::vector<Tensor> weights_after(std::int64_t epochs, std::optional<std::int64_t> stop_after, const MakeData& make,
                                  Settings... settings) {
  const TemporaryFolder folder;
  const auto train = [&](std::optional<std::int64_t> limit, bool resumes) {
    tiny::Net net;
    bool is_saved = false;
    hone::Trainer trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, settings...,
                          hone::on<hone::ResumePoint>([&](const auto& event) {
                            if (event.run.num_updates() != limit || std::exchange(is_saved, true)) return;
                            event.trainer.save_training_state(folder / "state.pt");
                          })};
    auto data = make();
    if (resumes) {
      trainer.resume(folder / "state.pt", data(), {.num_epochs = epochs, .seed = 1});
    } else {
      trainer.train(data(), {.num_epochs = epochs, .max_updates = limit, .seed = 1});
    }
    return tiny::weights(net);
  };
  if (!stop_after) return train(std::nullopt, false);
  train(*stop_after, false);
  return train(std::nullopt, true);
}

template <class MakeData, class... Settings>
void check_resumption(const MakeData& make, Settings... settings) {
  const auto whole = weights_after(4, std::nullopt, make, settings...);
  CHECK(tiny::equal(weights_after(4, 6, make, settings...), whole));  // between epochs
  CHECK(tiny::equal(weights_after(4, 7, make, settings...), whole));  // within an epoch
}

TEST_CASE("a run over views of a shuffled loader resumes with the same batches") {
  SECTION("a view, a view of a view, a view that owns the loader") {
    check_resumption([] {
      return [loader = std::make_shared<decltype(shuffled())>(shuffled())] {
        return *loader | std::views::transform(same_batch);
      };
    });
    check_resumption([] {
      return [loader = std::make_shared<decltype(shuffled())>(shuffled())] {
        return *loader | std::views::transform(same_batch) | std::views::take(3) |
               std::views::transform([](Pair batch) { return batch; });
      };
    });
    check_resumption([] { return [] { return shuffled() | std::views::transform(same_batch); }; });
  }
  SECTION("with Prefetch") {
    check_resumption([] { return [] { return shuffled() | std::views::transform(same_batch); }; }, hone::Prefetch{});
  }
  SECTION("two loaders in a zip") {
    check_resumption(
        [] {
          return [a = std::make_shared<decltype(shuffled())>(shuffled()),
                  b = std::make_shared<decltype(shuffled())>(shuffled(8))] { return ranges::views::zip(*a, *b); };
        },
        FirstOfTwo{});
  }
  SECTION("a smart pointer to a loader") {
    check_resumption([] { return [] { return std::make_shared<decltype(shuffled())>(shuffled()); }; });
  }
}

TEST_CASE("a zip of two loaders trains to the same weights with and without Prefetch") {
  const auto train = [](auto... settings) {
    auto a = shuffled(), b = shuffled(8);
    tiny::Net net;
    hone::Trainer trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, FirstOfTwo{}, settings...};
    CHECK(trainer.train(ranges::views::zip(a, b), {.num_epochs = 2}).num_updates() == 6);
    CHECK(trainer.run().config().num_train_batches_per_epoch == 3);
    return tiny::weights(net);
  };
  CHECK(tiny::equal(train(), train(hone::Prefetch{})));
}

TEST_CASE("evaluate, and the evaluation set of train, accept views of loaders") {
  hone::TensorLoader loader(tiny::dataset(), {.batch_size = 4});
  auto trainer = trainer_with();
  const auto loss_on = [&](auto&& data) { return trainer.evaluate(data).at("evaluation_loss"); };
  const double right = loss_on(loader), of_first_two = loss_on(tiny::dataset().subset(0, 8));
  CHECK(right ==
        Approx(torch::nn::functional::cross_entropy(trainer.model()(tiny::inputs()), tiny::labels()).item<double>())
            .epsilon(1e-6));
  CHECK(loss_on(loader | std::views::transform(same_batch)) == right);
  CHECK(loss_on(loader | ranges::views::transform(same_batch)) == right);
  CHECK(loss_on(loader | ranges::views::take(2)) == Approx(of_first_two).epsilon(1e-6));
  CHECK(of_first_two != Approx(right).epsilon(1e-6));

  const auto history = trainer.train(tiny::batches(3), loader | std::views::transform(same_batch), {.num_epochs = 2});
  const auto losses = history.values("eval_loss_epoch");
  REQUIRE(losses.size() == 2);
  CHECK(losses[1].value == loss_on(loader));
}

TEST_CASE("predict accepts views of loaders") {
  hone::TensorLoader loader(tiny::dataset(), {.batch_size = 4});
  auto trainer = trainer_with();
  const auto right = trainer.predict(tiny::dataset());
  CHECK(trainer.predict(loader | std::views::transform(same_batch)).equal(right));
  CHECK(trainer.predict(loader | ranges::views::transform(same_batch)).equal(right));
  CHECK(trainer.predict(loader | ranges::views::take(2)).equal(right.slice(0, 0, 8)));
}

}  // namespace

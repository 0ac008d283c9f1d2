// SPDX-License-Identifier: Apache-2.0
// Tests on the CPU, with a recorder that replays operators only, as a CUDA graph does. tests/cuda/capture.cpp has the
// tests on a GPU.
#include "hone/capture/step_capture.hpp"

#include <torch/torch.h>

#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/drop_net.hpp"
#include "support/models.hpp"
#include "support/op_recorder.hpp"
#include "support/other_device.hpp"

namespace {

using Capture = hone::StepCapture<hone::testing::OpRecorder>;

using Adam = hone::AdamW;
const auto adam = Adam{.lr = 0.05, .weight_decay = 0.1};
hone::StepCaptureOptions quiet(int max_graphs = 32) { return {.max_graphs = max_graphs, .log = nullptr}; }

/// Checks that a recorded run equals an eager run, and returns the counts of its steps.
template <class... Policies>
Capture::Counts require_equal_runs(const hone::TensorDataset<tiny::Batch>& data, const auto& optimizer,
                                   const Policies&... policies) {
  tiny::DropNet written, recorded;
  auto eager = hone::Trainer{written, torch::nn::CrossEntropyLoss(), optimizer, OtherDevice{}, policies...};
  auto captured =
      hone::Trainer{recorded, torch::nn::CrossEntropyLoss(), optimizer, OtherDevice{}, Capture(quiet()), policies...};
  const auto expected = eager.train(data, {.num_epochs = 4, .per_device_batch_size = 4, .shuffle = true, .seed = 3});
  const auto history = captured.train(data, {.num_epochs = 4, .per_device_batch_size = 4, .shuffle = true, .seed = 3});
  CHECK(tiny::distance(tiny::weights(written), tiny::weights(recorded)) < 2e-6);
  CHECK(tiny::distance(written->buffers(), recorded->buffers()) < 1e-6);
  const auto losses = history.values("train_loss_epoch"), expected_losses = expected.values("train_loss_epoch");
  REQUIRE(losses.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(losses[i].value == Approx(expected_losses[i].value).epsilon(1e-5));
  CHECK(history.num_updates() == expected.num_updates());
  CHECK(captured.optimizer().num_updates() == eager.optimizer().num_updates());
  return captured.execution().counts();
}

TEST_CASE("a recorded step equals an eager step: weights, buffers, dropout and losses") {
  const auto counts = require_equal_runs(tiny::dataset(48), adam);
  CHECK(counts.recordings == 1);
  CHECK(counts.replayed == 48 - 3 - 1);  // one step creates the optimizer's state, three are warm-up
  CHECK(counts.eager == 4);
}

TEST_CASE("recorded steps support schedules, clipping, momentum and gradient accumulation") {
  SECTION("a schedule, read on the device") {
    CHECK(require_equal_runs(tiny::dataset(48), adam, hone::CosineLr{}).recordings == 1);
  }
  SECTION("clipping") {
    CHECK(require_equal_runs(tiny::dataset(48), adam, hone::ClipNorm{.max_norm = 0.05}).recordings == 1);
  }
  SECTION("Sgd with momentum") {
    CHECK(require_equal_runs(tiny::dataset(48), hone::Sgd{.lr = 0.1, .momentum = 0.9}, hone::ClipNorm{.max_norm = 0.05})
              .recordings == 1);
  }
  SECTION("accumulation, with a short last window and a last batch of another size") {
    const auto counts =
        require_equal_runs(tiny::dataset(50 + 36), adam, hone::GradAccum<3>{}, hone::ClipNorm{.max_norm = 0.5});
    CHECK(counts.recordings == 3);  // begin, middle and end of an accumulation window
    CHECK(counts.replayed > 40);
  }
}

/// A custom loop that calls `step` of a trainer with capture and of an eager one.
struct Hosted {
  tiny::DropNet net;
  decltype(hone::Trainer{net, torch::nn::CrossEntropyLoss(), adam, OtherDevice{}, Capture(quiet())}) trainer{
      net, torch::nn::CrossEntropyLoss(), adam, OtherDevice{}, Capture(quiet())};
  hone::Trainer<tiny::DropNet, torch::nn::CrossEntropyLoss, hone::FusedOptimizer<Adam>, OtherDevice> eager = twin();
  std::vector<tiny::Batch> batches = tiny::batches(6);
  std::size_t next = 0;

  decltype(eager) twin() const {
    tiny::DropNet other;
    return decltype(eager){other, torch::nn::CrossEntropyLoss(),
                           hone::bind(Adam(adam), hone::named_parameters(*other))};
  }
  /// Makes `count` steps with both trainers, with the same random numbers.
  void step(int count = 1) {
    for (int i = 0; i < count; ++i) {
      auto& batch = batches[next++ % batches.size()];
      torch::manual_seed(static_cast<std::uint64_t>(next));
      const auto expected = eager.step(batch);
      torch::manual_seed(static_cast<std::uint64_t>(next));
      const auto output = trainer.step(batch);
      REQUIRE(output.loss.item<float>() == Approx(expected.loss.item<float>()).epsilon(1e-5));
      REQUIRE(tiny::distance(output.outputs.detach().split(1).front().split(1),
                             expected.outputs.detach().split(1).front().split(1)) < 1e-5);
    }
    REQUIRE(tiny::distance(tiny::weights(net), tiny::weights(eager.model())) < 2e-6);
  }
  [[nodiscard]] const Capture::Counts& counts() { return trainer.execution().counts(); }
};

TEST_CASE("a step is recorded again when something that the recording refers to changes") {
  Hosted hosted;
  hosted.step(8);
  CHECK(hosted.counts().recordings == 1);
  SECTION("frozen and unfrozen parameters") {
    for (const bool learns : {false, true}) {
      for (auto* net : {&hosted.net, &hosted.eager.model()}) (*net)->net->first->weight.set_requires_grad(learns);
      const auto before = hosted.net->net->first->weight.detach().clone();
      hosted.step(6);
      CHECK(torch::equal(before, hosted.net->net->first->weight) == !learns);
    }
    CHECK(hosted.counts().recordings == 3);
  }
  SECTION("the optimizer's state, loaded") {
    const auto state = hosted.eager.optimizer().state();
    hosted.trainer.optimizer().load_state(state);
    hosted.step(6);
    CHECK(hosted.counts().recordings == 2);
  }
  SECTION("a setting other than the learning rate") {
    hosted.trainer.optimizer().groups()[0].settings.beta1 = hosted.eager.optimizer().groups()[0].settings.beta1 = 0.5;
    hosted.step(6);
    CHECK(hosted.counts().recordings == 2);
  }
  SECTION("not for the learning rate") {
    hosted.trainer.optimizer().set_lr(0.5);
    hosted.eager.optimizer().set_lr(0.5);
    hosted.step(3);
    CHECK(hosted.counts().recordings == 1);
    CHECK(hosted.counts().replayed == 8 - 4 + 3);
  }
  SECTION("the model's mode") {
    for (auto* net : {&hosted.net, &hosted.eager.model()}) (*net)->eval();
    hosted.step(6);
    CHECK(hosted.counts().recordings == 2);
  }
  SECTION("batches of another size: one runs eagerly, many are recorded") {
    const auto usual = hosted.batches;
    hosted.batches = tiny::batches(1, 3);
    hosted.step(1);
    hosted.batches = usual;
    hosted.step(2);
    CHECK(hosted.counts().replayed == 8 - 4 + 2);
    hosted.batches = tiny::batches(4, 7);
    hosted.step(9);
    CHECK(hosted.counts().recordings == 2);
    CHECK(hosted.counts().replayed == 8 - 4 + 2 + 9 - 6);
  }
  SECTION("on request") {
    hosted.trainer.execution().forget();
    hosted.step(4);
    CHECK(hosted.counts().recordings == 2);
  }
}

TEST_CASE("gradients of another backward pass are cleared at the begin of an accumulation window, captured or not") {
  Hosted hosted;
  for (int i = 0; i < 12; ++i) {  // warm-up, capture, replay
    for (auto* net : {&hosted.net, &hosted.eager.model()}) {
      for (auto& parameter : (*net)->parameters()) parameter.mutable_grad() = torch::ones_like(parameter);
    }
    hosted.step();
  }
  CHECK(hosted.counts().recordings == 1);
  CHECK(hosted.counts().replayed > 0);
}

TEST_CASE("a step that cannot be recorded runs eagerly, and the reason is logged once") {
  SECTION("a model that reads a result on the host") {
    hone::StepCaptureOptions options;
    options.log = std::tmpfile();
    tiny::DropNet written, recorded;
    written->reads = recorded->reads = true;
    const auto data = tiny::dataset(32);
    hone::Trainer{written, torch::nn::CrossEntropyLoss(), adam, OtherDevice{}}.train(
        data, {.num_epochs = 2, .per_device_batch_size = 4, .seed = 3});
    auto trainer = hone::Trainer{recorded, torch::nn::CrossEntropyLoss(), adam, OtherDevice{}, Capture(options)};
    trainer.train(data, {.num_epochs = 2, .per_device_batch_size = 4, .seed = 3});
    CHECK(tiny::distance(tiny::weights(written), tiny::weights(recorded)) < 2e-6);
    CHECK(trainer.execution().counts().recordings == 0);
    CHECK(trainer.execution().counts().eager == 16);
    char text[400] = {};
    std::rewind(options.log);
    CHECK(std::fread(text, 1, sizeof text - 1, options.log) > 0);
    std::fclose(options.log);
    INFO(text);
    CHECK(tiny::contains(text,
                         "runs the steps eagerly from now on: a step cannot be captured: "
                         "aten::_local_scalar_dense reads a result on the host"));
    CHECK(std::string(text).find('\n') == std::string(text).size() - 1);
  }
  SECTION("a setting that changes with every update") {
    tiny::DropNet net;
    auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), adam, OtherDevice{}, Capture(quiet())};
    const auto batches = tiny::batches(1);
    for (int i = 0; i < 80; ++i) {
      trainer.optimizer().groups()[0].settings.beta1 = 0.9 - 1e-3 * i;
      trainer.step(batches[0]);
    }
    CHECK(trainer.execution().counts().recordings == 0);
    CHECK(trainer.execution().counts().reason == "a setting of the optimizer other than lr was changed");
  }
  SECTION("more recordings than allowed") {
    tiny::DropNet net;
    auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), adam, OtherDevice{}, Capture(quiet(2))};
    const auto batches = tiny::batches(1);
    for (int i = 0; i < 40; ++i) {
      if (i % 8 == 0) trainer.optimizer().groups()[0].settings.beta1 = 0.9 - 1e-3 * i;
      trainer.step(batches[0]);
    }
    CHECK(trainer.execution().counts().recordings == 2);
    CHECK(tiny::contains(trainer.execution().counts().reason, "2 graphs were captured, the last because a setting"));
  }
}

struct Listener {
  tiny::DropNet net{nullptr};
  std::vector<double> losses{};
  std::vector<at::Tensor> before{};
  void on_train_loss(const auto& event) {
    losses.push_back(event.output.loss.template item<double>());
    if (losses.size() < 20) return;
    before = tiny::weights(net);
    event.run.request_stop_before_update("enough");
  }
};

TEST_CASE("callbacks receive the loss between two recordings and can stop before the update") {
  tiny::DropNet written, recorded;
  auto eager = hone::Trainer{written, torch::nn::CrossEntropyLoss(), adam, OtherDevice{}, Listener{.net = written}};
  auto trainer = hone::Trainer{recorded,         torch::nn::CrossEntropyLoss(), adam, OtherDevice{},
                               Capture(quiet()), Listener{.net = recorded}};
  eager.train(tiny::dataset(48), {.num_epochs = 3, .per_device_batch_size = 4, .seed = 3});
  const auto history = trainer.train(tiny::dataset(48), {.num_epochs = 3, .per_device_batch_size = 4, .seed = 3});
  const auto& heard = trainer.callbacks().template get<Listener>();
  const auto& expected = eager.callbacks().template get<Listener>().losses;
  REQUIRE(heard.losses.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) CHECK(heard.losses[i] == Approx(expected[i]).epsilon(1e-5));
  CHECK(tiny::equal(tiny::weights(recorded), heard.before));
  CHECK(trainer.execution().counts().replayed >= 14);
  CHECK(history.num_updates() == 19);
}

/// A callback that throws at the fifth loss.
struct Thrower {
  int heard = 0;
  void on_train_loss(const hone::TrainLoss&) {
    if (++heard == 5) throw std::logic_error("a listener's own");
  }
};

/// Reads a gradient on the host, so that backward cannot be recorded.
struct ReadsGradients {
  template <class Trainer>
  static void backward(Trainer& trainer, const at::Tensor& loss) {
    trainer.backward(loss);
    static_cast<void>(trainer.model()->net->first->weight.grad().sum().template item<float>());
  }
};

TEST_CASE("a failure between two recordings, or in the second one, notifies the callbacks once") {
  SECTION("a callback's exception is passed on") {
    tiny::DropNet net;
    auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), adam, OtherDevice{}, Capture(quiet()), Thrower{}};
    CHECK_THROWS_AS(trainer.train(tiny::batches(8)), std::logic_error);  // in the step that would be recorded
    CHECK(trainer.callbacks().template get<Thrower>().heard == 5);
    CHECK(trainer.execution().counts().reason.empty());
  }
  SECTION("a backward pass that cannot be recorded") {
    tiny::DropNet net;
    auto trainer = hone::Trainer{net,
                                 torch::nn::CrossEntropyLoss(),
                                 hone::Sgd{.lr = 0.1},
                                 OtherDevice{},
                                 Capture(quiet()),
                                 Listener{.net = net},
                                 ReadsGradients{}};
    const auto history = trainer.train(tiny::batches(8));
    CHECK(trainer.callbacks().template get<Listener>().losses.size() == 8);
    CHECK(history.num_updates() == 8);
    CHECK(trainer.execution().counts().eager == 8);
    CHECK(tiny::contains(trainer.execution().counts().reason, "a step cannot be captured"));
  }
}

TEST_CASE("finish_window averages over the actual number of batches of the accumulation window") {
  tiny::DropNet written, recorded;
  const auto run = [](auto trainer) {
    torch::manual_seed(5);
    const auto batches = tiny::batches(3);
    for (int window = 0; window < 8; ++window) {
      for (int i = 0; i < (window == 6 ? 2 : 3); ++i) trainer.step(batches[static_cast<std::size_t>(i)]);
      trainer.finish_window();
    }
    return trainer.run().num_updates();
  };
  const hone::GradAccum<3> windows;
  CHECK(run(hone::Trainer{written, torch::nn::CrossEntropyLoss(), adam, OtherDevice{}, windows}) == 8);
  CHECK(run(hone::Trainer{recorded, torch::nn::CrossEntropyLoss(), adam, OtherDevice{}, windows, Capture(quiet())}) ==
        8);
  CHECK(tiny::distance(tiny::weights(written), tiny::weights(recorded)) < 2e-6);
}

struct RecordsNothing {
  using Recording = int;
  explicit RecordsNothing(c10::Device) {}
  static void eagerly(auto&& work) { work(); }
  static void record(auto&& work) { work(); }
  static void replay(int&) {}
};
static_assert(!hone::GraphRecorder<RecordsNothing>);

}  // namespace

// SPDX-License-Identifier: Apache-2.0
#include "hone/step/device_errors.hpp"

#include <ATen/record_function.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/FakeGuardImpl.h>
#include <torch/torch.h>

#include <atomic>
#include <cstring>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "hone/callbacks/metrics.hpp"
#include "hone/devices/prefetch_to_device.hpp"
#include "hone/metrics/accuracy.hpp"
#include "hone/optim/adam.hpp"
#include "hone/trainer/predictor.hpp"
#include "hone/trainer/trainer.hpp"
#include "hone/tune/trial_run.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/other_device.hpp"

namespace {

using torch::Tensor;

// ----------------------------------------------------------------------------------------------------- error messages

[[noreturn]] void run_out() {
  TORCH_CHECK_WITH(
      OutOfMemoryError, false,
      "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.00 "
      "GiB is free. If reserved but unallocated memory is large try setting PYTORCH_ALLOC_CONF.");
}
[[noreturn]] void fail_device() {
  throw c10::AcceleratorError({"file", "", 1}, 710,
                              "CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA`");
}
[[noreturn]] void fail_library() { TORCH_CHECK(false, "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"); }

const std::string out_of_memory =
    "Out of memory on cuda:0: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.10 "
    "GiB of "
    "which 1.00 GiB is free. Reduce per_device_batch_size";

std::string explained(const std::function<void()>& f, c10::Device device = {c10::kCUDA, 0}) {
  return tiny::message_of<hone::DeviceError>([&] { hone::with_device_errors(device, f); });
}

TEST_CASE("an out-of-memory error has the requested size, the free memory and the remedy") {
  const auto text = explained(run_out);
  CHECK(text.starts_with(out_of_memory));
  CHECK(tiny::contains(text, "expandable_segments"));
  CHECK_FALSE(tiny::contains(text, "If reserved"));
  const auto on_host = explained([] { torch::empty({std::int64_t{1} << 50}); }, c10::kCPU);
  CHECK(on_host.starts_with("Out of memory on cpu: DefaultCPUAllocator: "));
  CHECK(tiny::contains(on_host, "4503599627370496 bytes"));
  CHECK_FALSE(tiny::contains(on_host, "expandable_segments"));
}

TEST_CASE("a device failure throws DeviceError with the remedy") {
  CHECK(
      explained(fail_device) ==
      "The device cuda:0 has failed: CUDA error: device-side assert triggered. This process can no longer use it. "
      "Restart the process and resume from the last training state (trainer.resume). The usual cause of a device-side "
      "assert is an index or a class label out of range. Set CUDA_LAUNCH_BLOCKING=1 to find the operator.");
  CHECK(explained(fail_library)
            .starts_with("The device cuda:0 has failed: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED. "));
}

TEST_CASE("DeviceError nests the original error, and other errors are rethrown unchanged") {
  try {
    hone::with_device_errors(c10::kCPU, run_out);
    FAIL();
  } catch (const hone::DeviceError& error) {
    CHECK(hone::is_out_of_memory(error));
    CHECK_FALSE(hone::is_device_error(error));
    CHECK_THROWS_AS(std::rethrow_if_nested(error), c10::OutOfMemoryError);
    CHECK(tiny::message_of<hone::DeviceError>([&] { hone::with_device_errors(c10::kCPU, [&] { throw error; }); }) ==
          error.what());
  }
  CHECK_THROWS_WITH(hone::with_device_errors(c10::kCPU, [] { throw std::runtime_error("CUDA error: not LibTorch's"); }),
                    "CUDA error: not LibTorch's");
  CHECK_THROWS_AS(hone::with_device_errors(c10::kCPU, [] { TORCH_CHECK_INDEX(false, "3 of 2"); }), c10::IndexError);
  CHECK(hone::with_device_errors(c10::kCPU, [] { return 3; }) == 3);
}

// ----------------------------------------------------------------------- a trainer on a device other than the host

/// The device guard of a device type that only stores the current index.
using Fake = c10::impl::FakeGuardImpl<c10::kXPU>;

/// Keeps tensors in host memory, and makes the fake device 3 current.
struct Entered : OtherDevice {
  [[nodiscard]] static c10::DeviceGuard scope() { return c10::DeviceGuard({c10::kXPU, 3}); }
};

/// Records the current device of each call, and calls `failure` if it is set.
struct NetImpl : tiny::NetImpl {
  Tensor forward(const Tensor& inputs) {
    devices.push_back(Fake::getDeviceIndex());
    if (failure) failure();
    return tiny::NetImpl::forward(inputs);
  }
  std::vector<int> devices;
  std::function<void()> failure;
};
TORCH_MODULE(Net);

struct Listener {
  std::string* heard;
  void on_exception(const hone::ExceptionThrown& event) const {
    try {
      std::rethrow_exception(event.exception);
    } catch (const std::exception& error) {
      *heard = error.what();
    }
  }
};

auto on(Entered device, const Net& net, std::string& heard) {
  return hone::Trainer{net,
                       torch::nn::CrossEntropyLoss(),
                       hone::AdamW{.lr = 0.01},
                       device,
                       hone::PrefetchToDevice{},
                       hone::ClipNorm{.max_norm = 1.0},
                       hone::GradAccum<2>{},
                       hone::Metrics{hone::Accuracy{}}.in_training(),
                       Listener{&heard}};
}
auto on(hone::Cpu device, const Net& net, std::string& heard) {
  return hone::Trainer{net,
                       torch::nn::CrossEntropyLoss(),
                       hone::AdamW{.lr = 0.01},
                       device,
                       hone::ClipNorm{.max_norm = 1.0},
                       hone::GradAccum<2>{},
                       hone::Metrics{hone::Accuracy{}}.in_training(),
                       Listener{&heard}};
}

/// The number of operators called that return a value to the host.
std::atomic<int> numbers_read = 0;

struct CountReads {
  at::CallbackHandle handle = at::addGlobalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
        for (const char* const name :
             {"aten::_local_scalar_dense", "aten::equal", "aten::nonzero", "aten::is_nonzero"}) {
          if (std::strcmp(function.name(), name) == 0) ++numbers_read;
        }
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION}));
  ~CountReads() { at::removeCallback(handle); }
};

TEST_CASE("training, evaluation, prediction, states and trial runs on a device that the host cannot access") {
  static const Fake fake;
  if (!c10::impl::hasDeviceGuardImpl(c10::kXPU)) c10::impl::registerDeviceGuard(c10::kXPU, &fake);
  Fake::setDeviceIndex(1);
  std::string heard;
  Net there, here;
  auto trainer = on(Entered{}, there, heard);
  auto reference = on(hone::Cpu{}, here, heard);
  const auto data = tiny::dataset(20);
  const auto all_there = [&](std::size_t calls) {
    CHECK(there->devices == std::vector<int>(calls, 3));
    CHECK(Fake::getDeviceIndex() == 1);
    there->devices.clear();
  };

  const hone::TrainOptions options{.num_epochs = 2, .per_device_batch_size = 4, .seed = 3};
  const auto history = trainer.train(data, data, options);
  const auto expected = reference.train(data, data, options);
  all_there(20);
  CHECK(tiny::equal(tiny::weights(there), tiny::weights(here)));
  for (const char* const name : {"train_loss_epoch", "eval_loss_epoch"}) {
    CHECK(history.at(name) == Approx(expected.at(name)).epsilon(1e-12));
  }
  for (const char* const name : {"train_accuracy_epoch", "eval_accuracy_epoch"}) {
    CHECK(history.at(name) == expected.at(name));
  }

  CHECK(torch::equal(trainer.predict(data), reference.predict(data)));
  CHECK(trainer.evaluate(data).at("evaluation_loss") == Approx(reference.evaluate(data).at("evaluation_loss")));
  there->devices.clear();
  const auto state = hone::cloned(trainer.training_state());
  {
    auto run = trainer.begin_run();
    run.step(tiny::batches(1)[0]);
    all_there(1);
  }
  trainer.evaluate_batch(tiny::batches(1)[0]);
  all_there(1);
  trainer.load_training_state(state);
  CHECK(tiny::equal(tiny::weights(there), tiny::weights(here)));
  hone::trial_run(trainer, data, {.num_updates = 2}, [](auto) {}, [](auto, double loss) { return loss > 0.0; });
  all_there(4);
  CHECK(tiny::equal(tiny::weights(there), tiny::weights(here)));

  // batches that a background thread makes
  const auto batches = tiny::batches(5);
  for (auto* const one : {&there, &here}) (*one)->devices.clear();
  trainer.train(batches, {.num_epochs = 2});
  reference.train(batches, {.num_epochs = 2});
  all_there(10);
  CHECK(tiny::equal(tiny::weights(there), tiny::weights(here)));

  // Steps read no value on the host. Only AdamW's CPU kernel does: the number of updates of each parameter.
  const auto batch = tiny::batches(1)[0];
  auto run = trainer.begin_run();
  for (int i = 0; i < 4; ++i) run.step(batch);
  {
    const CountReads counting;
    numbers_read = 0;
    for (int i = 0; i < 6; ++i) run.step(batch);
    CHECK(numbers_read == 3 * 4);
    CHECK(torch::ones({}).item<float>() == 1.0F);
    CHECK(numbers_read == 3 * 4 + 1);
  }
}

TEST_CASE("every call of a trainer throws DeviceError with an explanation, which on_exception also gets") {
  std::string heard;
  Net net;
  auto trainer = on(Entered{}, net, heard);
  const auto data = tiny::dataset();
  const auto batch = tiny::batches(1)[0];
  for (const auto& [fail, start] :
       {std::pair{&run_out, "Out of memory on cpu: "}, {&fail_device, "The device cpu has "}}) {
    net->failure = fail;
    heard.clear();
    const auto said = [&](auto&& f) { return tiny::message_of<hone::DeviceError>(f).starts_with(start); };
    CHECK(said([&] { trainer.train(data, {.per_device_batch_size = 4}); }));
    CHECK(heard.starts_with(start));
    CHECK(said([&] { trainer.evaluate(data); }));
    CHECK(said([&] { trainer.predict(data); }));
    CHECK(said([&] {
      auto run = trainer.begin_run();
      run.step(batch);
    }));
    CHECK(said([&] { trainer.evaluate_batch(batch); }));
    CHECK(said([&] { hone::trial_run(trainer, data, {}, [](auto) {}, [](auto, double) { return true; }); }));
  }
  net->failure = nullptr;
  CHECK_NOTHROW(trainer.train(data, {.per_device_batch_size = 4}));
}

/// Returns outputs that fit into memory, because they repeat one element, and whose concatenation does not.
struct WideOutputs {
  Tensor predict_batch(auto&, auto&) { return torch::zeros({1}).expand({std::int64_t{1} << 48}); }
};

TEST_CASE("on the CPU, too, every call of a trainer throws DeviceError if memory runs out") {
  Net net;
  std::string heard;
  auto trainer =
      hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::AdamW{}, hone::GradAccum<2>{}, Listener{&heard}};
  const auto data = tiny::dataset();
  const auto batch = tiny::batches(1)[0];
  net->failure = [] { torch::empty({std::int64_t{1} << 50}); };
  const auto fails = [](auto&& f) {
    return tiny::message_of<hone::DeviceError>(f).starts_with("Out of memory on cpu: DefaultCPUAllocator: ");
  };
  CHECK(fails([&] { trainer.train(data, {.per_device_batch_size = 4}); }));
  CHECK(fails([&] { trainer.evaluate(data); }));
  CHECK(fails([&] { trainer.predict(data); }));
  CHECK(fails([&] { trainer.step(batch); }));
  CHECK(fails([&] { trainer.evaluate_batch(batch); }));
  CHECK(fails([&] {
    auto run = trainer.begin_run();
    run.step(batch);
  }));
  CHECK(fails([&] { hone::trial_run(trainer, data, {}, [](auto) {}, [](auto, double) { return true; }); }));
  net->failure = nullptr;
  CHECK_NOTHROW(trainer.step(batch));
  CHECK_NOTHROW(trainer.finish_window());
  auto wide = hone::Predictor{tiny::Net(), WideOutputs{}};
  CHECK(fails([&] { wide.predict(data, {.per_device_batch_size = 6}); }));
}

/// A device that does not support float32.
struct Narrow : OtherDevice {
  static bool holds(c10::ScalarType format) { return format != c10::kFloat; }
};

TEST_CASE("require_device throws if the device does not support the dtype of a parameter") {
  tiny::Net net;
  CHECK_THROWS_WITH(hone::require_device(Narrow{}, net),
                    "The parameter 'first.weight' is Float, which cpu does not support. Convert the model first: "
                    "model->to(torch::kFloat).");
  net->to(torch::kBFloat16);
  CHECK_NOTHROW(hone::require_device(Narrow{}, net));
}

}  // namespace

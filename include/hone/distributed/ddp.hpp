// SPDX-License-Identifier: Apache-2.0
/// Data parallel training: every rank has a replica of the model and trains on a shard of each batch.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/policy.hpp"
#include "hone/distributed/collective_log.hpp"
#include "hone/distributed/communicator.hpp"
#include "hone/distributed/gradient_reducer.hpp"
#include "hone/distributed/process_group.hpp"
#include "hone/distributed/process_group_aware.hpp"
#include "hone/distributed/require_agreement.hpp"
#include "hone/fwd.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/policies/distribution.hpp"

namespace hone {

namespace detail {

/// True if the communicator sends from GPUs, with `static constexpr at::DeviceType device_type = at::kCUDA`.
template <class Comm>
inline constexpr bool sends_from_gpus = requires { requires Comm::device_type != at::kCPU; };

}  // namespace detail

/// The distribution policy of data parallel training over a communicator. The gradients of an update are averaged over
/// all ranks, with equal weight for every sample. n ranks with batches of b samples therefore learn what one process
/// learns with n * b. Parameters and buffers are broadcast from rank 0 at the start. With one process, nothing is sent.
///
/// Gradients are all-reduced in buckets during backward; with gradient accumulation, only during the last batch of a
/// window. Gradients on a GPU with a communicator for the CPU are averaged after backward, through host memory.
///
/// **Cost** a copy of the gradients, and one small asynchronous all-reduce per update, during backward, which
/// synchronizes stop flags and the number of samples.
/// **Errors** `DistributedError` when the models differ, when a parameter is on another GPU than the communicator's,
/// and when a rank fails or exceeds the time-out. `DataError` when parameters get no gradient and
/// `find_unused_parameters` is false. `std::invalid_argument` for `static_graph` with gradient accumulation.
/// **Example** `hone::Trainer{model, loss, hone::Sgd{.lr = 0.1}, hone::Ddp{hone::Gloo{}}}`
template <Communicator Comm>
class Ddp {
 public:
  using slot = slots::Distribution;
  /// True if CUDA graphs can capture `average_gradients`.
  static constexpr bool supports_capture = requires { requires Comm::supports_capture; };

  template <class... Policies>
  struct compatible_with {
    static constexpr bool value =
        !detail::sends_from_gpus<Comm> || !std::same_as<SelectPolicy<slots::Device, Cpu, Policies...>, Cpu>;
  };
  template <class... Policies>
  struct incompatible_with {
    static_assert(compatible_with<Policies...>::value,
                  "hone: this communicator needs GPUs, and the trainer's device is Cpu. Add a device policy such as "
                  "hone::Cuda, or use Ddp<hone::Gloo> or Ddp<hone::Mpi>.");
  };

  Ddp()
    requires std::default_initializable<Comm>
      : Ddp(Comm{}) {}
  explicit Ddp(const Comm& communicator, const DdpOptions& options = {})
      : group_(communicator), hosts_(group_.on_host()), options_(options) {}

  [[nodiscard]] int rank() const { return group_.rank(); }
  [[nodiscard]] int world_size() const { return group_.world_size(); }
  [[nodiscard]] const ProcessGroup& group() const { return group_; }
  [[nodiscard]] const DdpOptions& options() const { return options_; }  ///< The options of the all-reduce.

  template <class Model>
  void start(Model& model) {
    if (world_size() == 1) return;
    const auto parameters = named_parameters(model);
    hone::require_agreement(group_, "model's parameters", detail::description(parameters),
                            "Construct the same model on every rank.");
    if (detail::sends_from_gpus<Comm> || !group_.device().is_cpu()) require_own_device(parameters);
    const at::NoGradGuard no_gradients;
    for (const auto& [name, value] : parameters) {
      parameters_.push_back(value);
      names_.push_back(name);
      group_.broadcast(value, 0, "broadcast of parameters");
    }
    buffers_ = buffers_of(model);
    broadcast_buffers();
    if constexpr (requires { model.modules(); }) {
      for (const auto& module : model.modules(/*include_self=*/false)) attach_process_group(*module);
    }
  }

  void before_forward(bool update_follows) {
    if (world_size() == 1) return;
    const detail::CollectivePurpose purpose("agreement on buckets");
    if (options_.static_graph && !update_follows) refuse_window();
    try {
      if (num_trainable() != num_reduced_) make_reducer();
      if (update_follows && reducer_) reducer_->before_forward();
    } catch (const std::exception& error) {
      if (is_of_the_group(error)) group_.explain("agreement on buckets", error);
      throw;
    }
  }
  template <class Backward>
  void backward(const at::Tensor& loss, bool update_follows, Backward&& pass) {
    const bool reduces = update_follows && reducer_;
    const detail::CollectivePurpose purpose("all-reduce of gradients");
    try {
      if (reduces) reducer_->before_backward(loss);
      pass(loss);
      if (reduces) reducer_->after_backward();
    } catch (const DistributedError& error) {
      if (is_of_the_group(error)) group_.explain("all-reduce of gradients", error);
      throw;
    } catch (const std::exception& error) {
      if (reduces) reducer_->reset();
      if (reduces && is_of_the_group(error)) group_.explain("all-reduce of gradients", error);
      if (reduces && is_of_unused_parameters(error)) {
        throw DataError(format_message(
            "{} got no gradient from a batch of rank {}. Pass Ddp {}, or freeze the parameters that no batch uses.",
            {detail::unused_parameters(error.what(), parameters_, names_), rank(),
             "{.find_unused_parameters = true}"}));
      }
      throw;
    }
    if (update_follows && !reducer_) average_gradients();
  }

  /// Averages the gradients over all ranks, one bucket at a time. A missing gradient counts as zeros; afterwards every
  /// trainable parameter has one.
  void average_gradients() {
    if (world_size() == 1) return;
    const at::NoGradGuard no_gradients;
    std::vector<at::Tensor> bucket;
    std::int64_t bytes = 0;
    for (auto parameter = parameters_.rbegin(); parameter != parameters_.rend(); ++parameter) {
      if (!parameter->requires_grad()) continue;
      auto& gradient = parameter->mutable_grad();
      if (!gradient.defined()) gradient = at::zeros_like(*parameter);
      if (!bucket.empty() && (bytes + static_cast<std::int64_t>(gradient.nbytes()) > options_.bucket_bytes ||
                              bucket.back().scalar_type() != gradient.scalar_type())) {
        average(bucket);
        bucket.clear();
        bytes = 0;
      }
      bucket.push_back(gradient);
      bytes += static_cast<std::int64_t>(gradient.nbytes());
    }
    if (!bucket.empty()) average(bucket);
  }

  void begin_all_reduce_sum(std::span<const double> numbers) {
    exchanged_.assign(numbers.begin(), numbers.end());
    if (world_size() == 1) return;
    if (!exchange_.defined() || exchange_.numel() != static_cast<std::int64_t>(numbers.size())) {
      exchange_ = at::empty({static_cast<std::int64_t>(numbers.size())},
                            at::TensorOptions(at::kDouble).device(hosts_.device()));
    }
    exchange_.copy_(on_host());
    under_way_ = std::make_unique<ProcessGroup::Pending>(
        hosts_.begin_all_reduce(exchange_, Reduction::sum, "agreement on the update"));
  }
  [[nodiscard]] std::span<const double> end_all_reduce_sum() {
    if (const auto under_way = std::exchange(under_way_, nullptr)) {
      under_way->wait();
      on_host().copy_(exchange_);
    }
    return exchanged_;
  }

  void all_reduce_sum(const at::Tensor& values) const {
    group_.all_reduce(values, Reduction::sum, "sum over processes");
  }
  [[nodiscard]] std::vector<at::Tensor> all_gather(const at::Tensor& values) const { return group_.all_gather(values); }
  [[nodiscard]] std::vector<std::string> all_gather_strings(std::string_view text) const {
    return group_.all_gather_strings(text);
  }
  void require_agreement(std::string_view what, std::string_view text, std::string_view remedy) const {
    hone::require_agreement(group_, what, text, remedy);
  }
  void broadcast_buffers() const {
    const at::NoGradGuard no_gradients;
    for (const auto& buffer : buffers_) group_.broadcast(buffer, 0, "broadcast of buffers");
  }
  void fail(std::string_view reason) const noexcept { group_.fail(reason); }

 private:
  /// Throws the same `DistributedError` on every rank if a rank has a parameter on another device than its
  /// communicator's. Collective.
  void require_own_device(const NamedParameters& parameters) const {
    std::string wrong;
    for (const auto& [name, value] : parameters) {
      if (value.device() == group_.device()) continue;
      wrong = format_message(
          "has the parameter '{}' on {}, but its communicator uses {}. Use the same device for the trainer and the "
          "communicator: hone::Cuda<hone::dynamic>{i} and hone::Nccl{.device = i}.",
          {name, value.device().str(), group_.device().str()});
      break;
    }
    const auto all = group_.all_gather_strings(wrong, "all-gather of devices");
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      if (!all[rank].empty())
        throw DistributedError(format_message("Ddp: rank {} of {} {}", {rank, all.size(), all[rank]}));
    }
  }

  [[noreturn]] static void refuse_window() {
    throw std::invalid_argument(
        "Ddp: static_graph is set, which LibTorch's reducer does not support with gradient accumulation. Remove one of "
        "them.");
  }

  /// Returns whether the group caused `error` and has not explained it yet (explaining an error closes the group).
  /// LibTorch rethrows errors of its threads, of which only the type's name and the message identify the backend.
  [[nodiscard]] bool is_of_the_group(const std::exception& error) const {
    if (dynamic_cast<const DistributedError*>(&error) != nullptr) return !group_.is_closed();
    std::string_view text = error.what(), type = typeid(error).name();
    text = detail::first_line(text);  // later lines name source files, also the program's
    return type.find("gloo") != type.npos || text.find("gloo") != text.npos || text.find("NCCL") != text.npos;
  }

  [[nodiscard]] static bool is_of_unused_parameters(const std::exception& error) {
    return std::string_view(error.what()).find("Expected to have finished reduction") != std::string_view::npos;
  }

  template <class Module>
  void attach_process_group(Module& module) const {
    if constexpr (std::is_polymorphic_v<Module>) {
      if (auto* const user = dynamic_cast<ProcessGroupAware*>(&module))
        user->set_process_group(group_.handle(), group_.explainer());
    }
  }

  [[nodiscard]] std::size_t num_trainable() const {
    return static_cast<std::size_t>(
        std::count_if(parameters_.begin(), parameters_.end(), [](const at::Tensor& p) { return p.requires_grad(); }));
  }
  /// Creates the reducer. Runs again when parameters have been frozen or unfrozen.
  void make_reducer() {
    reducer_.reset();
    num_reduced_ = num_trainable();
    if (!options_.overlap || num_reduced_ == 0) return;
    if (parameters_[0].device().type() != group_.device().type()) return;  // it sends from the gradients' device
    std::vector<at::Tensor> trainable;
    std::copy_if(parameters_.begin(), parameters_.end(), std::back_inserter(trainable),
                 [](const at::Tensor& p) { return p.requires_grad(); });
    reducer_ = std::make_unique<GradientReducer>(group_.handle(), std::move(trainable), options_);
  }

  void average(const std::vector<at::Tensor>& gradients) const {
    std::vector<at::Tensor> flat;
    flat.reserve(gradients.size());
    for (const auto& gradient : gradients) flat.push_back(gradient.reshape({-1}));
    auto bucket = at::cat(flat).div_(world_size());
    auto sent = options_.gradient_format == GradientFormat::as_is  ? bucket
                : options_.gradient_format == GradientFormat::bf16 ? bucket.to(at::kBFloat16)
                                                                   : bucket.to(at::kHalf);
    group_.all_reduce(sent, Reduction::sum, "all-reduce of gradients");
    std::int64_t first = 0;
    for (const auto& gradient : gradients) {
      gradient.copy_(sent.narrow(0, first, gradient.numel()).view(gradient.sizes()));
      first += gradient.numel();
    }
  }

  [[nodiscard]] at::Tensor on_host() {
    return at::from_blob(exchanged_.data(), {static_cast<std::int64_t>(exchanged_.size())}, at::kDouble);
  }

  ProcessGroup group_;
  ProcessGroup hosts_;
  DdpOptions options_;
  std::vector<at::Tensor> parameters_, buffers_;
  std::vector<std::string> names_;  // of the parameters
  std::size_t num_reduced_ = 0;
  std::unique_ptr<GradientReducer> reducer_;
  std::vector<double> exchanged_;
  at::Tensor exchange_;
  std::unique_ptr<ProcessGroup::Pending> under_way_;
};

}  // namespace hone

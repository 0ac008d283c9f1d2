// SPDX-License-Identifier: Apache-2.0
/// A bucketed all-reduce of gradients during backward, with LibTorch's `c10d::Reducer`. Only this header calls the
/// reducer's constructor, which differs between versions of LibTorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hone/core/format_message.hpp"
#include "hone/optim/parameter_group.hpp"

namespace hone {

/// The number format of gradients during the all-reduce.
enum class GradientFormat { as_is, bf16, fp16 };

/// Options for averaging gradients. **Source** of the defaults: `torch.nn.parallel.DistributedDataParallel`.
///
/// **Units** bucket_bytes, first_bucket_bytes: of the gradients in one message. The bucket that is complete first is
/// smaller, so that communication starts early.
struct DdpOptions {
  std::int64_t bucket_bytes = 25 << 20;
  std::int64_t first_bucket_bytes = 1 << 20;
  bool find_unused_parameters = false;  ///< A batch may leave parameters unused, which may differ between ranks.
  bool static_graph = false;  ///< Every batch uses the same parameters as the first. Not with gradient accumulation.
  bool overlap = true;        ///< All-reduce gradients during backward; false: after it.
  GradientFormat gradient_format = GradientFormat::as_is;  ///< The number format of the messages.
};

namespace detail {

/// Returns the indices of the parameters without a gradient that a reducer's error lists; none for another error.
[[nodiscard]] inline std::vector<std::size_t> unused_indices(std::string_view error) {
  constexpr std::string_view sign = "indices which did not receive grad for rank ";
  std::vector<std::size_t> indices;
  const auto found = error.find(sign);
  if (found == error.npos) return indices;
  std::string list(error.substr(found + sign.size()));
  list = list.substr(0, list.find('\n'));
  list.erase(0, list.find(':'));  // the rank
  std::replace_if(list.begin(), list.end(), [](char c) { return c < '0' || c > '9'; }, ' ');
  std::istringstream numbers(list);
  for (std::size_t index = 0; numbers >> index;) indices.push_back(index);
  return indices;
}

/// Returns the names of these parameters, as the subject of an error message. The indices count the trainable ones.
[[nodiscard]] inline std::string unused_parameters(std::string_view error, const std::vector<at::Tensor>& parameters,
                                                   const std::vector<std::string>& names) {
  const auto indices = unused_indices(error);
  std::vector<std::string> unused;
  std::size_t index = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].requires_grad()) continue;
    if (std::find(indices.begin(), indices.end(), index++) != indices.end()) unused.push_back(names[i]);
  }
  if (unused.empty()) return "Some of the model's parameters";
  return format_message("The model's parameter{} {}", {unused.size() == 1 ? "" : "s", parameter_names(unused)});
}

/// A communication hook that sends buckets in 16 bits. It divides by the world size before the conversion.
class ShortenedGradients : public c10d::CppCommHookInterface<c10::intrusive_ptr<c10d::ProcessGroup>> {
 public:
  ShortenedGradients(c10::intrusive_ptr<c10d::ProcessGroup> group, at::ScalarType format)
      : CppCommHookInterface(std::move(group)), format_(format) {}

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    const at::Tensor whole = bucket.getBuffer();
    std::vector<at::Tensor> shortened{whole.div(state_->getSize()).to(format_)};
    return state_->allreduce(shortened)->getFuture()->then(
        [whole](c10::ivalue::Future& sent) {
          whole.copy_(c10d::detail::parseCppCommHookResult(sent.value()));
          return c10::IValue(whole);
        },
        c10::TensorType::get());
  }

 private:
  at::ScalarType format_;
};

}  // namespace detail

/// Averages the gradients of `parameters` over the ranks of a group. Requires the same parameters in the same order on
/// every rank.
///
/// **Errors** LibTorch's exceptions. After one, call `reset` before the next batch.
class GradientReducer {
 public:
  /// Assigns the parameters to buckets.
  GradientReducer(const c10::intrusive_ptr<c10d::ProcessGroup>& group, std::vector<at::Tensor> parameters,
                  const DdpOptions& options)
      : options_(options) {
    const std::vector<bool> sparse(parameters.size(), false);
    auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(
        parameters,
        {static_cast<std::size_t>(options.first_bucket_bytes), static_cast<std::size_t>(options.bucket_bytes)},
        sparse));
    std::reverse(buckets.begin(), buckets.end());  // backward starts with the last layers
    reducer_ = std::make_unique<c10d::Reducer>(
        std::move(parameters), std::move(buckets), group, sparse, options.bucket_bytes, options.find_unused_parameters,
        /*gradient_as_bucket_view=*/true, std::unordered_map<std::size_t, std::string>{}, options.first_bucket_bytes,
        /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false, std::vector<std::int64_t>{});
    if (options.static_graph) reducer_->set_static_graph();
    if (options.gradient_format != GradientFormat::as_is) {
      reducer_->register_comm_hook(std::make_unique<detail::ShortenedGradients>(
          group, options.gradient_format == GradientFormat::bf16 ? at::kBFloat16 : at::kHalf));
    }
  }
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;
  ~GradientReducer() { reducer_->remove_autograd_hooks(); }

  /// Prepares for the forward pass of a batch that precedes an update. Collective when the buckets are rebuilt.
  void before_forward() {
    reducer_->prepare_for_forward();
    reducer_->rebuild_buckets();
  }
  /// Prepares for its backward pass, which all-reduces each bucket as soon as its gradients are complete.
  void before_backward(const at::Tensor& loss) {
    reducer_->prepare_for_backward(options_.find_unused_parameters ? std::vector<at::Tensor>{loss}
                                                                   : std::vector<at::Tensor>{});
  }
  /// Checks after the backward pass that all buckets are reduced.
  void after_backward() {
    if (options_.static_graph && !std::exchange(has_recorded_graph_, true)) reducer_->delay_all_reduce();
    reducer_->check_finalized();
  }
  /// Resets the reducer after an exception between these calls.
  void reset() { reducer_->reset_state(); }

 private:
  DdpOptions options_;
  std::unique_ptr<c10d::Reducer> reducer_;
  bool has_recorded_graph_ = false;
};

}  // namespace hone

// SPDX-License-Identifier: Apache-2.0
/// Batch normalization over the batches of all ranks.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/native_batch_norm.h>
#include <ATen/ops/var_mean.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/nn/modules/batchnorm.h>

#include <cstdint>
#include <exception>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/libtorch_versions.hpp"
#include "hone/core/running_statistics.hpp"
#include "hone/distributed/collective_log.hpp"
#include "hone/distributed/process_group_aware.hpp"

namespace hone {

namespace detail {

/// Statistics over all ranks, one number per channel, in the type of the computation.
struct BatchStatistics {
  at::Tensor count;  ///< [1]: values of a channel
  at::Tensor mean;   ///< [channels]
  at::Tensor var;    ///< [channels], divided by count
};

/// Returns all dimensions except the channels.
inline std::vector<std::int64_t> all_but_channels(const at::Tensor& input) {
  std::vector<std::int64_t> dims{0};
  for (std::int64_t d = 2; d < input.dim(); ++d) dims.push_back(d);
  return dims;
}
/// Returns a view of [channels] as [1, channels, 1, ...].
inline at::Tensor along_channels(const at::Tensor& values, const at::Tensor& input) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(input.dim()), 1);
  sizes[1] = -1;
  return values.view(sizes);
}
/// Converts half and bfloat16 to float, the type of their sums.
inline at::Tensor widened(const at::Tensor& values) {
  const bool is_narrow = values.scalar_type() == at::kHalf || values.scalar_type() == at::kBFloat16;
  return is_narrow ? values.to(at::kFloat) : values;
}

/// The process group; the autograd graph shares its ownership.
struct NormGroup : torch::CustomClassHolder {
  NormGroup(c10::intrusive_ptr<c10d::ProcessGroup> processes, ExplainFailure on_failure)
      : group(std::move(processes)), explain(std::move(on_failure)) {}

  /// Starts a collective and waits for it. **Errors** `DistributedError` for any exception of LibTorch.
  template <class Begin>
  void exchange(Begin begin) const {
    constexpr std::string_view what = "statistics of SyncBatchNorm";
    const CollectivePurpose purpose(what);
    try {
      begin(*group)->wait();
    } catch (const std::exception& error) {
      if (explain) explain(what, error);
      throw DistributedError(
          format_message("SyncBatchNorm: the all-reduce of statistics failed. ({})", {first_line(error.what())}));
    }
  }

  c10::intrusive_ptr<c10d::ProcessGroup> group;
  ExplainFailure explain;
};

/// Computes the statistics over all ranks with one all-gather of 1 + 2 * channels numbers. Means and squared deviations
/// of parts are merged (T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for
/// Computing Sample Variances", 1979). Unlike sums of squares, this loses no digits when the mean is far from zero.
inline BatchStatistics statistics_of_all(const at::Tensor& input, const NormGroup& processes) {
  const auto channels = input.size(1);
  const auto count = input.numel() / channels;
  const auto values = widened(input);
  auto mine = at::zeros({1, 1 + 2 * channels}, values.options());
  if (count > 0) {
    const auto n = static_cast<double>(count);
    const auto [var, mean] = at::var_mean(values, all_but_channels(values), /*correction=*/at::Scalar(0));
    mine[0].copy_(at::cat({at::full({1}, n, mean.options()), mean, var * n}));
  }
  auto all = at::empty({processes.group->getSize(), 1 + 2 * channels}, mine.options());
  processes.exchange([&](auto& group) { return all_gather_into(group, all, mine); });

  const auto counts = all.narrow(1, 0, 1);
  const auto means = all.narrow(1, 1, channels);
  const auto deviations = all.narrow(1, 1 + channels, channels);
  auto total = counts.sum(0);
  auto mean = (counts * means).sum(0).div_(total);
  auto var = (deviations + counts * (means - mean).square()).sum(0).div_(total);
  return {std::move(total), std::move(mean), std::move(var)};
}

/// Normalizes with statistics that depend on the inputs of all ranks. Its backward pass makes one all-reduce.
struct SyncBatchNormFunction : torch::autograd::Function<SyncBatchNormFunction> {
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  static at::Tensor forward(Context* context, const at::Tensor& input, const std::optional<at::Tensor>& weight,
                            const std::optional<at::Tensor>& bias, const BatchStatistics& statistics, double eps,
                            c10::intrusive_ptr<NormGroup> processes) {
    context->save_for_backward(
        {input, weight.value_or(at::Tensor()), statistics.count, statistics.mean, (statistics.var + eps).rsqrt_()});
    context->saved_data["processes"] =
        c10::IValue::make_capsule(c10::intrusive_ptr<torch::CustomClassHolder>(std::move(processes)));
    return std::get<0>(at::native_batch_norm(input, weight, bias, statistics.mean, statistics.var, /*training=*/false,
                                             /*momentum=*/0.0, eps));
  }

  static Tensors backward(Context* context, const Tensors& gradients) {
    if (at::GradMode::is_enabled()) {
      throw std::logic_error("SyncBatchNorm does not support double backward. Call backward without create_graph.");
    }
    const auto saved = context->get_saved_variables();
    const auto& input = saved[0];
    const auto& weight = saved[1];
    const auto& count = saved[2];
    const auto& scale = saved[4];  // 1 / sqrt(var + eps)
    const auto processes = c10::static_intrusive_pointer_cast<NormGroup>(context->saved_data["processes"].toCapsule());

    const auto channels = input.size(1);
    const auto along = [&](const at::Tensor& values) { return along_channels(values, input); };
    const auto dims = all_but_channels(input);
    const auto gradient = widened(gradients[0]);
    auto centred = input - along(saved[3]);
    const auto sum = gradient.sum(dims);
    const auto weighted_sum = (gradient * centred).sum(dims);

    Tensors result(6);  // one for each argument of forward
    if (context->needs_input_grad(0)) {
      std::vector<at::Tensor> sums{at::cat({sum, weighted_sum})};
      processes->exchange([&](auto& group) { return group.allreduce(sums); });
      const auto mean = sums[0].div_(count);
      const auto mean_gradient = mean.narrow(0, 0, channels);
      const auto slope = mean.narrow(0, channels, channels) * scale.square();
      const auto factor = weight.defined() ? scale * weight : scale;
      result[0] = centred.mul_(along(-slope)).add_(gradient).sub_(along(mean_gradient)).mul_(along(factor));
      result[0] = result[0].to(input.scalar_type());
    }
    if (weight.defined()) {
      result[1] = (weighted_sum * scale).to(weight.scalar_type());
      result[2] = sum.to(weight.scalar_type());
    }
    return result;
  }
};

}  // namespace detail

/// `torch::nn::BatchNorm` that normalizes in training with the mean and variance over the batches of all ranks, as if
/// one process had them all. Parameters, buffers and names are the same as in `torch::nn::BatchNorm`. In evaluation and
/// on a single process, the result is bitwise identical.
///
/// `Ddp` sets the process group; without `Ddp`, call `set_process_group`. The ranks may have batches of different
/// sizes. The gradients of `weight` and `bias` are local to each rank, and `Ddp` averages them as any other gradient.
/// The gradient of the input is the gradient of the sum of all ranks' losses, so a weight of a rank must be part of its
/// loss.
///
/// **Shapes** [batch, features, ...] in and out.
/// **Cost** in training one blocking all-gather of 1 + 2 * features numbers in forward, and one blocking all-reduce of
/// 2 * features numbers in backward.
/// **Errors** `std::invalid_argument` for fewer than two dimensions or another number of features, and when all ranks
/// together have one value for a feature. `DistributedError` when a rank is gone. `std::logic_error` for second
/// derivatives.
/// **Source** S. Ioffe, C. Szegedy, "Batch Normalization", 2015; the options are `torch::nn::BatchNormOptions`.
/// **Example** `model->push_back(hone::SyncBatchNorm(64));`
class SyncBatchNormImpl : public torch::nn::NormImplBase<0, SyncBatchNormImpl, torch::nn::BatchNormOptions>,
                          public ProcessGroupAware,
                          public RunningStatistics {
 public:
  using NormImplBase::NormImplBase;

  void reset_statistics() override { reset_running_stats(); }
  std::optional<double> exchange_momentum(std::optional<double> momentum) override {
    const auto before = options.momentum();
    options.momentum(momentum);
    return before;
  }

  void set_process_group(c10::intrusive_ptr<c10d::ProcessGroup> group, ExplainFailure explain = {}) override {
    distribution_ = nullptr;
    if (!group || group->getSize() == 1) return;
    distribution_ = c10::make_intrusive<detail::NormGroup>(std::move(group), std::move(explain));
  }

  torch::Tensor forward(const torch::Tensor& input) {
    _check_input_dim(input);
    const bool updates = is_training() && num_batches_tracked.defined();
    if (updates) num_batches_tracked.add_(1);
    if (!is_training() || !distribution_) {
      double momentum = options.momentum().value_or(0.0);
      if (updates && !options.momentum()) momentum = 1.0 / num_batches_tracked.item<double>();
      return torch::nn::functional::detail::batch_norm(input, running_mean, running_var, weight, bias,
                                                       is_training() || !options.track_running_stats(), momentum,
                                                       options.eps());
    }
    detail::BatchStatistics statistics;
    {
      const at::NoGradGuard no_grad;
      statistics = detail::statistics_of_all(input, *distribution_);
      // Reading the count is a host synchronization, done only if this rank has fewer than two values.
      if (input.numel() / input.size(1) < 2 && statistics.count.item<double>() < 2.0) {
        throw std::invalid_argument(
            "SyncBatchNorm: all ranks together have only one value for each feature, which has no variance. Use larger "
            "batches.");
      }
      if (updates) update_running(statistics);
    }
    const auto given = [](const at::Tensor& tensor) { return tensor.defined() ? std::optional(tensor) : std::nullopt; };
    return detail::SyncBatchNormFunction::apply(input, given(weight), given(bias), statistics, options.eps(),
                                                distribution_);
  }

  void pretty_print(std::ostream& stream) const override {
    const auto momentum = options.momentum();
    stream << format_message(
        "hone::SyncBatchNorm({}, eps={}, momentum={}, affine={}, track_running_stats={})",
        {options.num_features(), options.eps(), momentum ? format_message("{}", {*momentum}) : std::string("None"),
         options.affine(), options.track_running_stats()});
  }

 protected:
  void _check_input_dim(const torch::Tensor& input) override {
    if (input.dim() >= 2 && input.size(1) == options.num_features()) return;
    throw std::invalid_argument(
        format_message("SyncBatchNorm expects an input of shape [batch, {}, ...], but got [{}].",
                       {options.num_features(), joined(input.sizes(), ", ")}));
  }

 private:
  void update_running(const detail::BatchStatistics& statistics) {
    const auto unbiased = statistics.var * (statistics.count / (statistics.count - 1));
    if (const auto momentum = options.momentum()) {
      running_mean.lerp_(statistics.mean.to(running_mean.scalar_type()), *momentum);
      running_var.lerp_(unbiased.to(running_var.scalar_type()), *momentum);
    } else {  // the cumulative average over all batches
      const auto share = num_batches_tracked.to(running_mean.scalar_type()).reciprocal();
      running_mean.lerp_(statistics.mean.to(running_mean.scalar_type()), share);
      running_var.lerp_(unbiased.to(running_var.scalar_type()), share);
    }
  }

  c10::intrusive_ptr<detail::NormGroup> distribution_;
};
/// A module holder of `SyncBatchNormImpl`.
TORCH_MODULE(SyncBatchNorm);

}  // namespace hone

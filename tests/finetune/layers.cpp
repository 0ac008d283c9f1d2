// SPDX-License-Identifier: Apache-2.0
#include "hone/finetune/layers.hpp"

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <stdexcept>

#include "nets.hpp"
#include "support/catch.hpp"

namespace {

static_assert(hone::ModuleHandle<torch::nn::Sequential> && hone::ModuleHandle<torch::nn::LinearImpl> &&
              hone::ModuleHandle<std::shared_ptr<nets::TokenNetImpl>> &&
              hone::ModuleHandle<std::reference_wrapper<nets::TokenNetImpl>> && !hone::ModuleHandle<torch::Tensor> &&
              !hone::ModuleHandle<std::shared_ptr<int>>);

struct SyncBatchNormImpl : torch::nn::Module {};

}  // namespace

TEST_CASE("nodes_of lists each module once, parents first, with its direct parameters") {
  const nets::TokenNet model;
  const auto nodes = hone::detail::nodes_of(*model.ptr());
  REQUIRE(nodes.size() == 4);
  nets::Names names;
  std::vector<std::size_t> groups;
  for (const auto& node : nodes) {
    names.push_back(node.name);
    groups.push_back(node.group);
  }
  CHECK(names == nets::Names{"", "block", "block.inner", "head"});
  CHECK(groups == std::vector<std::size_t>{0, 0, 0, 1});
  CHECK(nets::names_of(nodes[0].parameters) == nets::Names{"token"});
  CHECK(nets::names_of(nodes[1].parameters) == nets::Names{"block.scale"});
  CHECK(nets::names_of(nodes[2].parameters) == nets::Names{"block.inner.weight", "block.inner.bias"});
  CHECK((nodes[0].is_whole_model && !nodes[1].is_whole_model && nodes[1].is_layer() && nodes[3].is_leaf));
}

TEST_CASE("a module that is registered twice is listed once") {
  torch::nn::Linear shared(2, 2);
  const torch::nn::Sequential model(shared, shared);
  CHECK(hone::detail::nodes_of(*model.ptr()).size() == 2);
  CHECK(hone::detail::num_layer_groups(*model) == 2);
}

TEST_CASE("parameters that cannot have a gradient are not listed") {
  torch::nn::Module model;
  model.register_parameter("table", torch::ones({2}, torch::kLong), /*requires_grad=*/false);
  CHECK(hone::detail::nodes_of(model)[0].parameters.empty());
}

TEST_CASE("is_batch_norm is true for batch norms of every dimension, and by name for user-defined ones") {
  CHECK(hone::detail::is_batch_norm(*torch::nn::BatchNorm1d(1)));
  CHECK(hone::detail::is_batch_norm(*torch::nn::BatchNorm2d(1)));
  CHECK(hone::detail::is_batch_norm(*torch::nn::BatchNorm3d(1)));
  CHECK(hone::detail::is_batch_norm(SyncBatchNormImpl()));
  CHECK_FALSE(hone::detail::is_batch_norm(*torch::nn::InstanceNorm1d(1)));
  CHECK_FALSE(hone::detail::is_batch_norm(*torch::nn::LayerNorm(torch::nn::LayerNormOptions({1}))));
}

TEST_CASE("shared_module shares ownership of a holder, references a module, and throws for a null pointer") {
  nets::TokenNet holder;
  const auto shared = hone::detail::shared_module(holder);
  CHECK(shared.use_count() == 2);  // `holder` and `shared`
  CHECK(hone::detail::shared_module(*holder).get() == holder.get());
  auto reference = std::ref(*holder);
  CHECK(hone::detail::shared_module(reference).get() == holder.get());
  std::shared_ptr<nets::TokenNetImpl> null;
  CHECK_THROWS_AS(hone::detail::shared_module(null), std::invalid_argument);
}

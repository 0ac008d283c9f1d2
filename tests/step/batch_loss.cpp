// SPDX-License-Identifier: Apache-2.0
#include "hone/step/batch_loss.hpp"

#include <torch/script.h>
#include <torch/torch.h>

#include <boost/hana.hpp>

#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

struct Digit {
  BOOST_HANA_DEFINE_STRUCT(Digit, (int, id), (Tensor, features), (Tensor, label));
};
struct Scaled {
  Tensor forward(const Tensor& inputs, const Tensor& factor) { return inputs * factor; }
};
struct Twins {
  std::pair<Tensor, Tensor> forward(const Tensor& inputs) { return {inputs, -inputs}; }
};

static_assert(std::is_same_v<hone::BatchOutputOf<tiny::Net, tiny::Batch>, hone::BatchOutput<Tensor>>);
static_assert(std::is_same_v<hone::BatchOutputOf<Twins, tiny::Batch>, hone::BatchOutput<std::pair<Tensor, Tensor>>>);

const auto mean_of = [](const Tensor& outputs, const Tensor& target) { return (outputs.sum(1) - target).mean(); };

TEST_CASE("the last tensor of a batch is the target, and the tensors before it are the inputs") {
  tiny::Net net;
  torch::nn::CrossEntropyLoss loss;
  const auto x = tiny::inputs(4), y = tiny::labels(4);
  const auto expected = torch::nn::functional::cross_entropy(net(x), y);

  tiny::Batch pair{x, y};
  const auto output = hone::batch_loss(net, loss, pair);
  CHECK(torch::equal(output.loss, expected));
  CHECK(torch::equal(output.outputs, net(x)));
  CHECK(output.batch_size == 4);
  Digit digit{7, x, y};
  CHECK(torch::equal(hone::batch_loss(net, loss, digit).loss, expected));
  const Digit constant{7, x, y};
  CHECK(torch::equal(hone::batch_loss(net, loss, constant).loss, expected));

  Scaled scaled;
  std::tuple<Tensor, Tensor, Tensor> triple{x, torch::full({4, 1}, 2.0), y};
  CHECK(torch::equal(hone::batch_loss(scaled, mean_of, triple).outputs, x * 2));
}

TEST_CASE("a model may return any type that the loss accepts") {
  Twins twins;
  const auto loss = [](const std::pair<Tensor, Tensor>& outputs, const Tensor&) {
    return (outputs.first + outputs.second).sum();
  };
  tiny::Batch batch = tiny::batches(1)[0];
  CHECK(hone::batch_loss(twins, loss, batch).loss.item<float>() == 0.0F);
}

template <class Loss>
void check_shapes(Loss loss) {
  struct Same {
    Tensor forward(const Tensor& inputs) { return inputs; }
  } same;
  const auto says = [&](const Tensor& outputs, const Tensor& target) {
    tiny::Batch batch{outputs, target};
    return tiny::message_of<hone::DataError>([&] { static_cast<void>(hone::batch_loss(same, loss, batch)); });
  };
  const auto column = torch::full({3, 1}, 0.5), row = torch::full({3}, 0.5), wide = torch::full({3, 2}, 0.5);
  CHECK(says(column, row) ==
        "The loss is elementwise, but the model's output Float [3, 1] and the target Float [3] have different shapes "
        "and would be broadcast. Give both the same shape, for example with target.unsqueeze(1).");
  CHECK(tiny::contains(says(row, column), "have different shapes"));
  CHECK(tiny::contains(says(wide, column), "have different shapes"));
  CHECK(tiny::contains(says(column, torch::full({1}, 0.5)), "have different shapes"));
  tiny::Batch fits{wide, wide};
  CHECK(hone::batch_loss(same, loss, fits).loss.dim() == 0);
}

TEST_CASE("LibTorch's elementwise losses throw DataError if output and target have different shapes") {
  check_shapes(torch::nn::MSELoss());
  check_shapes(torch::nn::L1Loss());
  check_shapes(torch::nn::SmoothL1Loss());
  check_shapes(torch::nn::HuberLoss());
  check_shapes(torch::nn::BCELoss());
  check_shapes(torch::nn::BCEWithLogitsLoss());
  check_shapes(torch::nn::KLDivLoss());
  check_shapes(torch::nn::PoissonNLLLoss());
  check_shapes(torch::nn::SoftMarginLoss());
  check_shapes(torch::nn::HingeEmbeddingLoss());
  check_shapes(torch::nn::MultiLabelSoftMarginLoss());
  check_shapes(std::make_shared<torch::nn::MSELossImpl>());
  torch::nn::MSELossImpl loss;
  check_shapes(std::ref(loss));
  struct Derived : torch::nn::MSELossImpl {};
  check_shapes(std::make_shared<Derived>());
}

TEST_CASE("shapes are not checked for functions and for losses that are not elementwise") {
  const auto outputs = torch::full({3, 1}, 2.0), target = torch::full({3}, 1.0);
  const auto squeezed = [](const Tensor& o, const Tensor& t) { return torch::mse_loss(o.squeeze(1), t); };
  CHECK(hone::loss_or_explain(squeezed, outputs, target).item<double>() == 1.0);
  torch::nn::CrossEntropyLoss classes;
  const auto labels = torch::zeros({3}, torch::kLong);
  CHECK(hone::loss_or_explain(classes, outputs, labels).item<double>() == 0.0);
}

TEST_CASE("shapes() formats dtypes and shapes") {
  CHECK(hone::detail::shapes(torch::zeros({2, 3}), torch::zeros({}, torch::kLong)) == "Float [2, 3] and Long []");
  CHECK(hone::detail::shapes(Tensor()) == "undefined []");
  CHECK(hone::detail::shapes(std::vector<Tensor>{torch::zeros({1}), torch::zeros({2})}) == "Float [1] and Float [2]");
}

TEST_CASE("an error of a scripted model becomes a DataError without the interpreter's stack") {
  torch::jit::Module script("Wide");
  script.register_parameter("weight", torch::zeros({2, 5}), false);
  script.define("def forward(self, x):\n  return torch.linear(x, self.weight)\n");
  tiny::Batch batch = tiny::batches(1)[0];
  const auto message = tiny::message_of<hone::DataError>([&] { hone::batch_loss(script, mean_of, batch); });
  CAPTURE(message);
  CHECK(tiny::contains(message, "Float [4, 3]"));
  CHECK(tiny::contains(message, "cannot be multiplied"));
  CHECK(!tiny::contains(message, "\n"));
}

TEST_CASE("an exception that is not LibTorch's is rethrown unchanged") {
  tiny::Net net;
  tiny::Batch batch = tiny::batches(1)[0];
  const auto loss = [](const Tensor&, const Tensor&) -> Tensor { throw std::domain_error("mine"); };
  CHECK_THROWS_AS(hone::batch_loss(net, loss, batch), std::domain_error);
}

TEST_CASE("a dtype or shape that does not fit the model throws DataError with the remedy") {
  tiny::Net net;
  torch::nn::CrossEntropyLoss loss;
  torch::nn::MSELoss squares;
  const auto x = tiny::inputs(4), y = tiny::labels(4);
  const auto refusal = [&](auto& with, tiny::Batch batch) {
    return tiny::message_of<hone::DataError>([&] { static_cast<void>(hone::batch_loss(net, with, batch)); });
  };
  CHECK(refusal(loss, {x.to(torch::kDouble), y}) ==
        "The model cannot process the inputs Double [4, 3]: mat1 and mat2 must have the same dtype, but got Double and "
        "Float. "
        "The "
        "inputs are Double and the model is Float: convert them with .to(torch::kFloat), or train in double with the "
        "policy hone::Fp64.");
  CHECK(tiny::contains(refusal(loss, {x.to(torch::kByte), y}),
                       "The inputs are Byte, as images are stored, and the model is Float: convert them with "
                       ".to(torch::kFloat), and divide by 255."));
  CHECK(tiny::contains(refusal(loss, {x.slice(1, 0, 2), y}), ". Pass inputs that its layers accept."));
  CHECK(tiny::contains(refusal(loss, {x, y.to(torch::kFloat)}),
                       "Class labels are int64: convert the target with .to(torch::kLong)."));
  CHECK(tiny::contains(refusal(loss, {x, y.to(torch::kInt)}),
                       "Class labels are int64: convert the target with .to(torch::kLong)."));

  tiny::Batch doubled{x, torch::ones({4, 2}, torch::kDouble)};
  const auto value = hone::batch_loss(net, squares, doubled).loss;
  CHECK(tiny::contains(
      tiny::message_of<hone::DataError>([&] { hone::backward_or_explain(value); }),
      "A Double target causes this. Convert the target with .to(torch::kFloat), or train in double with the "
      "policy hone::Fp64."));
  net->to(torch::kDouble);
  tiny::Batch all{x.to(torch::kDouble), torch::ones({4, 2}, torch::kDouble)};
  CHECK_NOTHROW(hone::backward_or_explain(hone::batch_loss(net, squares, all).loss));
}

}  // namespace

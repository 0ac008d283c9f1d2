// SPDX-License-Identifier: Apache-2.0
#include "hone/metrics/tensors.hpp"

#include "metrics/parts.hpp"
#include "support/catch.hpp"

using namespace hone;

namespace {

/// A type with the interface of a tensor's shape.
struct Shape {
  std::vector<std::int64_t> dims;
  [[nodiscard]] const std::vector<std::int64_t>& sizes() const { return dims; }
  [[nodiscard]] std::int64_t numel() const { return 1; }
};
static_assert(detail::TensorLike<Shape> && !detail::TensorLike<std::vector<double>> && !detail::TensorLike<double>);

using Dims = std::vector<std::int64_t>;

bool are_class_scores(const Dims& outputs, const Dims& target) {
  return message_of([&] { detail::require_class_scores("m", Shape{outputs}, Shape{target}, 2); }).empty();
}

}  // namespace

TEST_CASE("require_class_scores accepts scores that have a second dimension more than the class numbers") {
  CHECK(are_class_scores({3, 2}, {3}));
  CHECK(are_class_scores({3, 5, 7, 8}, {3, 7, 8}));
  CHECK_FALSE(are_class_scores({3, 1}, {3}));
  CHECK_FALSE(are_class_scores({3, 2}, {3, 2}));
  CHECK_FALSE(are_class_scores({3, 2}, {2}));
  CHECK_FALSE(are_class_scores({3, 5, 7, 8}, {3, 8, 7}));
  CHECK_FALSE(are_class_scores({3}, {}));
  CHECK(message_of([] { detail::require_class_scores("m", Shape{{3, 2}}, Shape{{3, 2}}); }) ==
        "`m` got outputs of shape [3, 2] and a target of shape [3, 2]. Pass scores [batch, classes, ...] with 1 or "
        "more classes, and class indices [batch, ...].");
}

TEST_CASE("same_elements ignores trailing dimensions of size 1 and does not broadcast") {
  CHECK(detail::same_elements(Dims{3, 1}, Dims{3}));
  CHECK(detail::same_elements(Dims{3, 2}, Dims{3, 2, 1, 1}));
  CHECK(detail::same_elements(Dims{1}, Dims{}));
  CHECK_FALSE(detail::same_elements(Dims{3, 1}, Dims{1, 3}));
  CHECK_FALSE(detail::same_elements(Dims{3, 2}, Dims{2}));
  CHECK(message_of([] { detail::require_same_elements("m", Shape{{3, 1}}, Shape{{1, 3}}); }) ==
        "`m` got outputs of shape [3, 1] and a target of shape [1, 3]. Pass one target for each output.");
}

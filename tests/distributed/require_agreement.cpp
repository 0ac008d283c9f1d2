// SPDX-License-Identifier: Apache-2.0
#include "hone/distributed/require_agreement.hpp"

#include "support/catch.hpp"

namespace {

using Catch::Matchers::Contains;

/// A group whose ranks pass these texts.
struct FakeGroup {
  std::vector<std::string> texts;
  int num_texts = 0;

  [[nodiscard]] std::vector<std::int64_t> all_gather_int64(std::int64_t, std::string_view) const {
    std::vector<std::int64_t> prints;
    for (const auto& text : texts) prints.push_back(static_cast<std::int64_t>(hone::detail::fnv1a(text)));
    return prints;
  }
  [[nodiscard]] std::vector<std::string> all_gather_strings(std::string_view, std::string_view) {
    ++num_texts;
    return texts;
  }
};

std::string refusal(FakeGroup group) {
  try {
    hone::require_agreement(group, "run's options", group.texts[0], "Give all the same.");
  } catch (const hone::DistributedError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("ranks that agree exchange a hash and no text") {
  FakeGroup group{{"a\nb\n", "a\nb\n", "a\nb\n"}};
  hone::require_agreement(group, "x", "a\nb\n", "");
  CHECK(group.num_texts == 0);
}

TEST_CASE("the error names the first line that differs, both ranks and the remedy") {
  CHECK(refusal({{"epochs = 3\nseed = 1\n", "epochs = 3\nseed = 1\n", "epochs = 3\nseed = 2\n"}}) ==
        "The processes disagree on the run's options: rank 0 has seed = 1, rank 2 has seed = 2. Give all the same.");
  CHECK_THAT(refusal({{"a\n", "a\nb\n"}}), Contains("rank 0 has no more, rank 1 has b."));
  CHECK_THAT(refusal({{"a\nb", ""}}), Contains("rank 0 has a, rank 1 has no more."));
}

}  // namespace

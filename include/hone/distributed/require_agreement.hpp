// SPDX-License-Identifier: Apache-2.0
/// A collective check that all ranks have the same text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/fnv1a.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

namespace detail {

[[nodiscard]] inline std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// Throws a `DistributedError` with the first line in which `theirs` differs from `ours`.
[[noreturn]] inline void refuse_difference(std::string_view what, int our_rank, std::string_view ours, int their_rank,
                                           std::string_view theirs, std::string_view remedy) {
  const auto a = lines_of(ours), b = lines_of(theirs);
  std::size_t i = 0;
  while (i < a.size() && i < b.size() && a[i] == b[i]) ++i;
  throw DistributedError(format_message(
      "The processes disagree on the {}: rank {} has {}, rank {} has {}. {}",
      {what, our_rank, i < a.size() ? a[i] : "no more", their_rank, i < b.size() ? b[i] : "no more", remedy}));
}

}  // namespace detail

/// Throws unless `text` is the same on all ranks of `group`. Collective.
///
/// **Cost** an all-gather of one hash; the texts are gathered only if the hashes differ.
/// **Errors** `DistributedError`, on every rank, with the first line in which the texts of two ranks differ.
template <class Group>
void require_agreement(Group& group, std::string_view what, std::string_view text, std::string_view remedy) {
  const auto prints = group.all_gather_int64(static_cast<std::int64_t>(detail::fnv1a(text)), what);
  if (std::all_of(prints.begin(), prints.end(), [&](std::int64_t print) { return print == prints[0]; })) return;
  const auto texts = group.all_gather_strings(text, what);
  for (std::size_t rank = 1; rank < texts.size(); ++rank) {
    if (texts[rank] != texts[0]) {
      detail::refuse_difference(what, 0, texts[0], static_cast<int>(rank), texts[rank], remedy);
    }
  }
}

}  // namespace hone

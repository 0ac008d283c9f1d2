// SPDX-License-Identifier: Apache-2.0
/// Merging of metrics over all ranks.
#pragma once

#include <type_traits>
#include <vector>

#include "hone/checkpoint/archive.hpp"
#include "hone/checkpoint/bytes.hpp"
#include "hone/core/serialize.hpp"
#include "hone/policies/distribution.hpp"

namespace hone {

/// Replaces `thing` on all ranks with the merge of its values on all ranks, in rank order. `thing` is a metric, or any
/// type that has `reset` and either `merge` and a serializable state (see `core/serialize.hpp`) or `sums` and `add`.
/// Collective.
template <ReducesGradients Processes, class Thing>
void merge_across_ranks(Processes& processes, Thing& thing) {
  static_assert(
      RemembersState<Thing> || requires { thing.add(thing.sums()); },
      "hone: this metric cannot be merged across ranks. Add `void serialize(auto& archive)`, or a "
      "member `state` with one.");
  StateWriter writer;
  if constexpr (RemembersState<Thing>) {
    serialize_state(writer, "state", thing);
  } else {
    writer("state", thing.sums());
  }
  const auto parts = processes.all_gather_strings(to_bytes(writer.take()));
  thing.reset();
  for (const auto& part : parts) {
    const Value value = from_bytes(part);
    StateReader reader(value);
    if constexpr (RemembersState<Thing>) {
      Thing theirs = thing;
      theirs.reset();
      serialize_state(reader, "state", theirs);
      thing.merge(theirs);
    } else {
      std::vector<double> sums;
      reader("state", sums);
      thing.add(sums);
    }
  }
}

}  // namespace hone

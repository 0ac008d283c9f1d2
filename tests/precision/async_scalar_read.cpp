// SPDX-License-Identifier: Apache-2.0
#include "hone/precision/async_scalar_read.hpp"

#include <torch/torch.h>

#include "support/catch.hpp"

namespace {

const c10::Device cpu{c10::kCPU};

/// An event that completes when the test sets `has_happened`.
struct Event {
  static inline bool has_happened = false;
  static inline int records = 0;
  explicit Event(c10::DeviceType type) { CHECK(type == c10::kCPU); }
  [[nodiscard]] static bool query() { return has_happened; }
  static void record(const c10::Stream&) { ++records; }
};

TEST_CASE("AsyncScalarRead reads a number on the CPU directly") {
  hone::AsyncScalarRead<> reading(1000);
  const auto number = torch::zeros({}, at::kFloat);
  CHECK(reading.value(number) == 0.0F);
  number.fill_(7.0);
  CHECK(reading.value(number) == 7.0F);
}

TEST_CASE("on a device, AsyncScalarRead starts a copy every n-th call and returns it once its event has completed") {
  Event::has_happened = false;
  Event::records = 0;
  hone::AsyncScalarRead<Event> reading(3);
  const auto number = torch::full({}, 5.0, at::kFloat);
  const auto value = [&] { return reading.value(number, cpu); };
  CHECK(value() == 0.0F);
  CHECK(value() == 0.0F);
  CHECK(Event::records == 0);
  CHECK(value() == 0.0F);  // the copy is pending
  CHECK(Event::records == 1);
  number.fill_(6.0);
  for (int i = 0; i < 5; ++i) CHECK(value() == 0.0F);
  CHECK(Event::records == 1);  // at most one pending copy
  Event::has_happened = true;
  CHECK(value() == 5.0F);
  CHECK(value() == 5.0F);
  CHECK(value() == 5.0F);
  CHECK(Event::records == 2);
  CHECK(value() == 6.0F);
}

}  // namespace

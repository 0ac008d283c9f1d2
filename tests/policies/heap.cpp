// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/heap.hpp"

#include <sys/resource.h>
#include <torch/torch.h>

#include "support/catch.hpp"
#include "support/sanitizer.hpp"

namespace {

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

/// Returns the page faults of steps with 40 MiB of activations.
long faults_of_steps(int steps) {
  const auto before = page_faults();
  for (int i = 0; i < steps; ++i) torch::empty({10, 1024, 1024}).fill_(1.0F);
  return page_faults() - before;
}

TEST_CASE("RetainHeap keeps freed memory for the next step") {
#if defined(__GLIBC__)
  if constexpr (hone::under_address_sanitizer || hone::under_thread_sanitizer) {
    WARN("skipped: the sanitizers replace malloc");
    return;
  }
  const long given_back = faults_of_steps(10);
  [[maybe_unused]] const auto scope = hone::RetainHeap::over_run();
  faults_of_steps(3);  // until a block of this size is free at an aligned address
  CHECK(faults_of_steps(10) < given_back / 10);
#else
  WARN("skipped: RetainHeap has an effect with glibc only");
#endif
}

struct HeapOverSteps {
  using slot = hone::slots::Heap;
  hone::NoScope over_step() const { return {}; }
};
static_assert(!hone::HeapPolicy<HeapOverSteps>);

}  // namespace

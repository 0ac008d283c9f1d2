// SPDX-License-Identifier: Apache-2.0
#include "hone/devices/prefetch_to_device.hpp"

#include <torch/torch.h>

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "hone/policies/transfer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/other_device.hpp"

namespace {

using torch::Tensor;
static_assert(hone::TransferPolicy<hone::PrefetchToDevice>);

// A fake device with two streams that lag behind the host by random amounts.

struct Mark {
  bool passed = true;
};

/// Two queues of work, which is executed in a random order that respects the events.
struct SlowDevice {
  struct Work {
    std::shared_ptr<Mark> after;  // may be null
    std::function<void()> act;
  };
  std::deque<Work> computing, copying;
  std::mt19937 random;
  std::vector<std::string> log;
  int waits_of_host = 0, buffers = 0;

  bool run_one(std::deque<Work>& queue) {
    if (queue.empty() || (queue.front().after && !queue.front().after->passed)) return false;
    auto work = std::move(queue.front());
    queue.pop_front();
    work.act();
    return true;
  }
  void run_some() {
    while (random() % 4 != 0) run_one(random() % 2 == 0 ? computing : copying);
  }
  void run_all() {
    while (!computing.empty() || !copying.empty()) {
      REQUIRE((run_one(copying) || run_one(computing)));
    }
  }
};

struct SlowStreams {
  struct Event {
    std::string name;
    std::shared_ptr<Mark> mark = std::make_shared<Mark>();
  };
  SlowDevice* device;
  int* events;

  Event event() const {
    const int n = (*events)++;
    return {(n % 2 == 0 ? "copied " : "used ") + std::to_string(n / 2)};
  }
  void record(std::deque<SlowDevice::Work>& queue, Event& event) const {
    event.mark = std::make_shared<Mark>(Mark{false});
    queue.push_back({nullptr, [mark = event.mark] { mark->passed = true; }});
  }
  void record_in_compute(Event& event) const {
    device->log.push_back("compute: record " + event.name);
    record(device->computing, event);
    device->run_some();
  }
  void record_in_copy(Event& event) const {
    device->log.push_back("copy: record " + event.name);
    record(device->copying, event);
    device->run_some();
  }
  void compute_waits_for(const Event& event) const {
    device->log.push_back("compute: wait for " + event.name);
    device->computing.push_back({event.mark, [] {}});
  }
  void copy_waits_for(const Event& event) const {
    device->log.push_back("copy: wait for " + event.name);
    device->copying.push_back({event.mark, [] {}});
  }
  void host_waits_for(const Event& event) const {
    if (!event.mark->passed) ++device->waits_of_host;
    while (!event.mark->passed) REQUIRE((device->run_one(device->copying) || device->run_one(device->computing)));
  }
  static Tensor pinned(const Tensor& tensor) { return torch::empty_like(tensor, torch::kCPU); }
  Tensor buffer(const Tensor& tensor) const {
    ++device->buffers;
    return torch::empty_like(tensor, torch::kCPU);
  }
  void copy(const Tensor& to, const Tensor& from) const {
    device->log.push_back("copy: copy");
    device->copying.push_back({nullptr, [to, from] { to.copy_(from); }});
    device->run_some();
  }
};

/// A range of batches: batch k is filled with k, in a buffer that all batches share. The last batch is shorter.
/// Batch `failing` throws.
struct Counting {
  int count = 7;
  int failing = -1;
  std::int64_t size = 4, last_size = 3;
  tiny::Batch whole{torch::zeros({4, 2}), torch::zeros({4}, torch::kLong)};
  tiny::Batch now{};
  int place = 0;

  struct Iterator {
    Counting* of;
    tiny::Batch& operator*() const { return of->now; }
    Iterator& operator++() {
      ++of->place;
      of->make();
      return *this;
    }
    bool operator!=(std::default_sentinel_t) const { return of->place < of->count; }
  };
  void make() {
    if (place == failing) throw std::runtime_error("batch is torn");
    if (place >= count) return;
    const auto rows = place + 1 == count ? last_size : size;
    now = {whole.first.slice(0, 0, rows).fill_(place), whole.second.slice(0, 0, rows).fill_(place)};
  }
  Iterator begin() {
    place = 0;
    make();
    return {this};
  }
  static std::default_sentinel_t end() { return {}; }
};

/// The memory of `SlowStreams` is on the host; this other device makes the range copy its batches.
const c10::Device elsewhere{c10::kMeta};
using OnSlowDevice = hone::PrefetchedToDevice<Counting, SlowStreams>;

/// Returns the values that the work of each step read when it was executed.
std::vector<double> walk(OnSlowDevice& batches, SlowDevice& device, int most = 100) {
  std::vector<std::shared_ptr<double>> seen;
  for (auto& [x, y] : batches) {
    auto& sum = seen.emplace_back(std::make_shared<double>(-1.0));
    device.computing.push_back({nullptr, [sum, a = x, b = y] {
                                  *sum = (a.sum() / a.numel() + b.sum() / b.numel()).template item<double>() / 2;
                                }});
    device.run_some();
    if (static_cast<int>(seen.size()) == most) break;
  }
  device.run_all();
  std::vector<double> sums;
  for (const auto& sum : seen) sums.push_back(*sum);
  return sums;
}

TEST_CASE("each step reads its own batch, however far copies and work lag behind the host") {
  for (const unsigned seed : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U}) {
    for (const std::int64_t depth : {1, 2, 5, 20}) {
      INFO("seed " << seed << ", depth " << depth);
      SlowDevice device;
      device.random.seed(seed);
      int events = 0;
      Counting range;
      OnSlowDevice batches(range, elsewhere, depth, SlowStreams{&device, &events});
      CHECK(walk(batches, device) == std::vector<double>{0, 1, 2, 3, 4, 5, 6});
      CHECK(walk(batches, device, 3) == std::vector<double>{0, 1, 2});
      CHECK(walk(batches, device) == std::vector<double>{0, 1, 2, 3, 4, 5, 6});
      CHECK(device.buffers <= 2 * (depth + 1));  // the short batch reuses memory, too
    }
  }
}

TEST_CASE("a batch larger than the earlier ones gets new memory") {
  SlowDevice device;
  int events = 0;
  Counting range;
  range.size = 3;
  range.last_size = 4;
  range.count = 3;
  OnSlowDevice batches(range, elsewhere, 1, SlowStreams{&device, &events});
  CHECK(walk(batches, device) == std::vector<double>{0, 1, 2});
  CHECK(device.buffers == 6);
}

TEST_CASE("a copy waits for the earlier work on its memory, the work for the copy, and the host for neither") {
  SlowDevice device;
  int events = 0;
  Counting range;
  range.count = 3;
  OnSlowDevice batches(range, elsewhere, 1, SlowStreams{&device, &events});
  auto place = batches.begin();
  const std::vector<std::string> copies_of_0{"compute: record used 0", "copy: wait for used 0", "copy: copy",
                                             "copy: copy", "copy: record copied 0"};
  const std::vector<std::string> copies_of_1{"compute: record used 1", "copy: wait for used 1", "copy: copy",
                                             "copy: copy", "copy: record copied 1"};
  auto expected = copies_of_0;
  expected.insert(expected.end(), copies_of_1.begin(), copies_of_1.end());
  expected.push_back("compute: wait for copied 0");
  CHECK(device.log == expected);

  device.run_all();
  device.log.clear();
  ++place;  // batch 2 reuses the memory of batch 0 after the work on it
  expected = copies_of_0;
  expected.push_back("compute: wait for copied 1");
  CHECK(device.log == expected);
  CHECK(device.waits_of_host == 0);
}

TEST_CASE("an exception of the range is thrown when its batch is due") {
  SlowDevice device;
  int events = 0;
  Counting range;
  range.failing = 4;
  OnSlowDevice batches(range, elsewhere, 3, SlowStreams{&device, &events});
  int seen = 0;
  const auto all = [&] {
    for ([[maybe_unused]] auto& batch : batches) ++seen;
  };
  CHECK_THROWS_WITH(all(), "batch is torn");
  CHECK(seen == 4);
  range.failing = 0;
  CHECK_THROWS_WITH(all(), "batch is torn");
  range.failing = -1;
  CHECK_NOTHROW(all());
  CHECK_THROWS_WITH(OnSlowDevice(range, elsewhere, 0, SlowStreams{&device, &events}),
                    "PrefetchToDevice::depth is 0. Set it to 1 or greater.");
}

TEST_CASE("PrefetchedToDevice accepts empty ranges, other members, undefined and non-contiguous tensors") {
  SlowDevice device;
  int events = 0;
  Counting range;
  range.count = 0;
  OnSlowDevice none(range, elsewhere, 2, SlowStreams{&device, &events});
  CHECK(walk(none, device).empty());

  using Named = std::tuple<std::string, Tensor, Tensor>;
  std::vector<Named> named{{"a", torch::ones({2}), Tensor()}, {"b", torch::zeros({3, 1}).t(), Tensor()}};
  hone::PrefetchedToDevice<std::vector<Named>, SlowStreams> batches(named, elsewhere, 2, SlowStreams{&device, &events});
  std::string names;
  for (auto& [name, tensor, nothing] : batches) {
    names += name;
    CHECK_FALSE(nothing.defined());
    device.run_all();
    CHECK(torch::equal(tensor, std::get<1>(named[names.size() - 1])));
  }
  CHECK(names == "ab");
}

TEST_CASE("PrefetchToDevice does not copy batches that are on the device already") {
  std::vector<tiny::Batch> data = tiny::batches(3);
  hone::TensorLoader loader{tiny::dataset(), {.batch_size = 4, .shuffle = true, .seed = 1}};
  hone::TensorLoader same{tiny::dataset(), {.batch_size = 4, .shuffle = true, .seed = 1}};
  const hone::PrefetchToDevice transfer{.depth = 3};
  auto&& batches = transfer.over(loader, OtherDevice{});
  auto expected = same.begin();
  for (auto& [x, y] : batches) {
    CHECK(torch::equal(x, expected->first));
    CHECK(x.const_data_ptr() == (*hone::BatchIterator<decltype(loader), tiny::Batch>(loader)).first.const_data_ptr());
    ++expected;
  }
  std::size_t seen = 0;
  for (auto& [x, y] : transfer.over(data, OtherDevice{}))
    CHECK(torch::equal(x, data[seen++].first));  // read by another thread
  CHECK(seen == 3);
}

TEST_CASE("PrefetchToDevice on the CPU behaves as Prefetch") {
  hone::TensorLoader loader{tiny::dataset(), {.batch_size = 4}};
  CHECK(&hone::PrefetchToDevice{}.over(loader, hone::Cpu{}) == &loader);
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
/// Capture and replay of CUDA graphs.
#pragma once

#ifndef HONE_WITH_CUDA
#error "hone: hone/capture/cuda_graph_recorder.hpp needs LibTorch with CUDA: configure with -DHONE_WITH_CUDA=ON."
#endif

#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "hone/capture/graph_recorder.hpp"
#include "hone/core/libtorch_versions.hpp"

namespace hone {

/// Captures on its own stream. All its graphs share one memory pool, which nothing else uses. Replays on the caller's
/// stream. Each replay advances the device's default generator, as an eager call does.
class CudaGraphRecorder {
 public:
  static constexpr c10::DeviceType device_type = c10::kCUDA;  ///< The devices that it records on.

  struct Recording {
    at::cuda::CUDAGraph graph;  ///< The graph of the recorded work.
    bool draws = true;          ///< False if the first replay did not advance the generator.
    bool was_replayed = false;  ///< True after the first replay.
  };

  /// Takes a stream of the device from LibTorch's pool.
  explicit CudaGraphRecorder(c10::Device device)
      : device_(device), stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())) {}

  /// Calls `work` on the recorder's stream, after the earlier and before the later work of the caller's stream.
  template <class Work>
  void eagerly(Work&& work) {
    const StreamSwitch aside(*this);
    work();
  }

  /// Calls `work` and returns its device work as a graph that has not run.
  ///
  /// **Errors** the exceptions of `work`, and LibTorch's error for work that cannot be captured. No graph remains.
  template <class Work>
  std::unique_ptr<Recording> record(Work&& work) {
    auto recording = std::make_unique<Recording>();
    auto& graph = recording->graph;
    const StreamSwitch aside(*this);
    if (pool_ == c10::MempoolId_t{0, 0}) pool_ = at::cuda::graph_pool_handle();
    const auto seed = generator().current_seed(), offset = generator().get_offset();
    const int users = num_pool_users();
    detail::register_generator(graph, generator());
    // Other threads, such as data loader workers, may make calls that are illegal during a capture.
    graph.capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
    try {
      work();
      graph.capture_end();
    } catch (...) {
      clean_up(graph, seed, offset, users);
      throw;
    }
    return recording;
  }

  void replay(Recording& recording) const {
    if (!recording.draws) {
      C10_CUDA_CHECK(
          cudaGraphLaunch(recording.graph.raw_cuda_graph_exec(), c10::cuda::getCurrentCUDAStream(device_.index())));
    } else if (recording.was_replayed) {
      recording.graph.replay();
    } else {
      const auto offset = generator().get_offset();
      recording.graph.replay();
      recording.draws = generator().get_offset() != offset;
      recording.was_replayed = true;
    }
  }

 private:
  /// RAII: makes the recorder's stream current, after the caller's work; the destructor does the reverse.
  class StreamSwitch {
   public:
    explicit StreamSwitch(const CudaGraphRecorder& recorder)
        : callers_(c10::cuda::getCurrentCUDAStream(recorder.device_.index())), own_(recorder.stream_), guard_(own_) {
      wait(own_, callers_);
    }
    StreamSwitch(const StreamSwitch&) = delete;
    StreamSwitch& operator=(const StreamSwitch&) = delete;
    ~StreamSwitch() {
      try {
        wait(callers_, own_);
      } catch (...) {  // the device has failed, which the next call reports
      }
    }

   private:
    static void wait(const c10::cuda::CUDAStream& stream, const c10::cuda::CUDAStream& other) {
      at::cuda::CUDAEvent event;
      event.record(other);
      event.block(stream);
    }

    c10::cuda::CUDAStream callers_, own_;
    c10::cuda::CUDAStreamGuard guard_;
  };

  [[nodiscard]] const at::Generator& generator() const {
    return at::cuda::detail::getDefaultCUDAGenerator(device_.index());
  }

  /// Cleans up after a failed capture. LibTorch leaves the stream, the allocators and the generator in capture mode.
  /// The generator's state cannot be repaired and is replaced by a new one with the same seed and offset.
  void clean_up(at::cuda::CUDAGraph& graph, std::uint64_t seed, std::uint64_t offset, int users) const {
    const auto attempt = [](auto&& f) {
      try {
        f();
      } catch (...) {  // already done
      }
    };
    attempt([&] { graph.capture_end(); });
    attempt([&] { c10::cuda::CUDACachingAllocator::endAllocateToPool(device_.index(), pool_); });
    attempt([&] { at::getHostAllocator(at::kCUDA)->end_allocate_to_pool(pool_); });
    attempt([&] {
      auto fresh = at::cuda::detail::createCUDAGenerator(device_.index());
      fresh.set_current_seed(seed);
      fresh.set_offset(offset);
      at::Generator(generator()).graphsafe_set_state(fresh);
    });
    graph.reset();
    if (num_pool_users() > users) {
      attempt([&] { c10::cuda::CUDACachingAllocator::releasePool(device_.index(), pool_); });
    }
  }

  /// Returns the number of graphs that use the pool, or 0 with an allocator that does not count them.
  [[nodiscard]] int num_pool_users() const {
    try {
      return c10::cuda::CUDACachingAllocator::getPoolUseCount(device_.index(), pool_);
    } catch (...) {
      return 0;
    }
  }

  c10::Device device_;
  c10::cuda::CUDAStream stream_;
  c10::MempoolId_t pool_{0, 0};
};
static_assert(GraphRecorder<CudaGraphRecorder>);

}  // namespace hone

// SPDX-License-Identifier: Apache-2.0
/// Records what a GPU is asked to do into a CUDA graph.
#pragma once

#ifndef HONE_WITH_CUDA
#error "hone: hone/capture/cuda_recorder.hpp needs LibTorch with CUDA: configure with -DHONE_WITH_CUDA=ON."
#endif

#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <memory>
#include <utility>

#include "hone/capture/step_recorder.hpp"

namespace hone {

/// Records on a stream of its own, from one pool of memory that the recordings share and nothing else uses; replays on
/// the caller's stream. The default generator of the device goes on from replay to replay, as it does without.
class CudaRecorder {
 public:
  using Recording = at::cuda::CUDAGraph;

  explicit CudaRecorder(c10::Device device)
      : device_(device), stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())) {}

  /// On the stream of the recordings, between what was asked of the caller's stream before and what is asked after.
  template <class Work>
  void eagerly(Work&& work) {
    const Aside aside(*this);
    work();
  }

  /// **Errors** what `work` throws, LibTorch's error for what cannot be recorded. Nothing is left of the recording
  /// then.
  template <class Work>
  std::unique_ptr<Recording> record(Work&& work) {
    auto graph = std::make_unique<Recording>();
    const Aside aside(*this);
    if (pool_ == c10::MempoolId_t{0, 0}) pool_ = at::cuda::graph_pool_handle();
    graph->register_generator_state(at::cuda::detail::getDefaultCUDAGenerator(device_.index()));
    // Other threads, such as those that load data, may do meanwhile what this one may not.
    graph->capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      end_failed(*graph);
      throw;
    }
    graph->capture_end();
    return graph;
  }

  static void replay(Recording& recording) { recording.replay(); }

 private:
  /// Makes the recorder's stream the current one, after what the caller's is doing; and the other way round.
  class Aside {
   public:
    explicit Aside(const CudaRecorder& recorder)
        : callers_(c10::cuda::getCurrentCUDAStream(recorder.device_.index())), own_(recorder.stream_), guard_(own_) {
      wait(own_, callers_);
    }
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;
    ~Aside() {
      try {
        wait(callers_, own_);
      } catch (...) {  // the device is lost, and the next call says so
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

  /// A recording has to be ended before the stream can be used again, though it came to nothing.
  static void end_failed(Recording& graph) {
    try {
      graph.capture_end();
    } catch (...) {
    }
    graph.reset();
  }

  c10::Device device_;
  c10::cuda::CUDAStream stream_;
  c10::MempoolId_t pool_{0, 0};
};
static_assert(StepRecorder<CudaRecorder>);

}  // namespace hone

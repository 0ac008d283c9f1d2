// SPDX-License-Identifier: Apache-2.0
/// A concept for the capture and the replay of a device's work.
#pragma once

#include <c10/core/Device.h>

#include <concepts>
#include <memory>

namespace hone {

/// A type that can capture and replay the work of a device:
/// - `eagerly(work)`: calls `work` in the context of captures, so that one-time initialization precedes a capture;
/// - `record(work)`: calls `work`, and captures its device work without running it;
/// - `replay(recording)`: runs that work with the captured addresses, after the caller's earlier work on the device.
///
/// Tensors of a recording keep their addresses while a reference to them exists.
template <class R>
concept GraphRecorder =
    std::constructible_from<R, c10::Device> && requires(R& recorder, void (*work)(), typename R::Recording& recording) {
      recorder.eagerly(work);
      { recorder.record(work) } -> std::same_as<std::unique_ptr<typename R::Recording>>;
      recorder.replay(recording);
    };

}  // namespace hone

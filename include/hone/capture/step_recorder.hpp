// SPDX-License-Identifier: Apache-2.0
/// What records the work of a device instead of doing it, and does what was recorded.
#pragma once

#include <c10/core/Device.h>

#include <concepts>
#include <memory>

namespace hone {

/// - `eagerly(work)`: calls `work` where it could be recorded, so that what happens once has happened before a
/// recording;
/// - `record(work)`: calls `work`, keeps what it asks of the device, and does none of it;
/// - `replay(recording)`: does it, after what the caller asked of the device before, with the addresses of then.
///
/// A recording's tensors keep their addresses as long as there is a handle to them.
template <class R>
concept StepRecorder =
    std::constructible_from<R, c10::Device> && requires(R& recorder, void (*work)(), typename R::Recording& recording) {
      recorder.eagerly(work);
      { recorder.record(work) } -> std::same_as<std::unique_ptr<typename R::Recording>>;
      recorder.replay(recording);
    };

}  // namespace hone

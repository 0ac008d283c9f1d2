// SPDX-License-Identifier: Apache-2.0
/// Control of fail_writes.cpp, per thread.
#pragma once

namespace faults {

/// The error number for a write that stores a part of its bytes and returns their number.
inline constexpr int short_write = -1;

}  // namespace faults

extern "C" {

/// Starts to count the thread's calls of open (for writing, or of a folder), write, fsync, rename and close, and makes
/// the `nth` call fail with `error`. With 0, no call fails.
void fail_nth_call(int nth, int error);
/// Stops counting and returns the number of calls.
int stop_failing();
/// Returns the name of the call that failed, or null.
const char* failed_call();

}  // extern "C"

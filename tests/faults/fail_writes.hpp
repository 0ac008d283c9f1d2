// SPDX-License-Identifier: Apache-2.0
/// What fail_writes.cpp does for the thread that asks for it.
#pragma once

namespace faults {

/// The error number of a write that stores a part of its bytes and reports how many.
inline constexpr int short_write = -1;

}  // namespace faults

extern "C" {

/// From now on counts this thread's calls of open (to write, or of a folder), write, fsync, rename and close, and makes
/// the `nth` of them fail with `error`; 0 only counts.
void fail_nth_call(int nth, int error);
/// Ends that, and returns how many calls there were.
int stop_failing();
/// The name of the call that failed, or null.
const char* failed_call();

}  // extern "C"

// SPDX-License-Identifier: Apache-2.0
/// A guard against the signals of failed writes, which terminate the process by default.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <time.h>

namespace hone::detail {

/// During the lifetime of an object, a write of this thread that exceeds the file size limit, or to a pipe without a
/// reader, only fails with `EFBIG` or `EPIPE`. The SIGXFSZ or SIGPIPE, which would terminate the process, is discarded.
/// Signals that were pending before stay pending. The object must be destroyed on the thread that created it.
///
/// **Cost** four system calls, and one for each signal discarded.
class WriteSignals {
 public:
  WriteSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGXFSZ);
    sigaddset(&signals_, SIGPIPE);
    sigpending(&pending_before_);
    pthread_sigmask(SIG_BLOCK, &signals_, &mask_before_);
  }
  WriteSignals(const WriteSignals&) = delete;
  WriteSignals& operator=(const WriteSignals&) = delete;
  ~WriteSignals() {
    sigset_t pending;
    sigpending(&pending);
    for (const int signal : {SIGXFSZ, SIGPIPE}) {
      if (sigismember(&pending, signal) != 1 || sigismember(&pending_before_, signal) == 1) continue;
      sigset_t one;
      sigemptyset(&one);
      sigaddset(&one, signal);
#if defined(__APPLE__)
      int taken = 0;
      sigwait(&one, &taken);
#else
      const timespec at_once{};
      sigtimedwait(&one, nullptr, &at_once);
#endif
    }
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }

 private:
  sigset_t signals_, pending_before_, mask_before_;
};

}  // namespace hone::detail

// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/write_signals.hpp"

#include <unistd.h>

#include <cerrno>

#include "support/catch.hpp"

namespace {

// Returns the error of a write into a pipe without a reader.
int error_of_broken_pipe() {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  close(ends[0]);
  const auto written = write(ends[1], "x", 1);
  const int error = errno;
  close(ends[1]);
  return written < 0 ? error : 0;
}

bool is_pending(int signal) {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, signal) == 1;
}

}  // namespace

TEST_CASE("under WriteSignals, a write into a broken pipe fails without ending the process") {
  {
    const hone::detail::WriteSignals no_signals;
    CHECK(error_of_broken_pipe() == EPIPE);
    CHECK(is_pending(SIGPIPE));
  }
  CHECK_FALSE(is_pending(SIGPIPE));
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  CHECK(sigismember(&mask, SIGPIPE) == 0);
}

TEST_CASE("WriteSignals keeps a SIGPIPE that was pending before") {
  sigset_t signals, before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  raise(SIGPIPE);
  {
    const hone::detail::WriteSignals no_signals;
    CHECK(error_of_broken_pipe() == EPIPE);
  }
  CHECK(is_pending(SIGPIPE));
  int taken = 0;
  sigwait(&signals, &taken);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

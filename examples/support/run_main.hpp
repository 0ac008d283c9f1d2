// SPDX-License-Identifier: Apache-2.0
/// How the examples end: what went wrong is one sentence on stderr and exit code 2.
#pragma once

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

/// Runs `body` and returns its exit code; 2 when it throws. With HONE_BACKTRACE set in the environment, what LibTorch
/// says follows in full, its stack included.
template <class Body>
int run_main(Body&& body) {
  try {
    return body();
  } catch (const c10::Error& error) {
    const bool in_full = std::getenv("HONE_BACKTRACE") != nullptr;
    fmt::print(stderr, "error: {}\n", in_full ? error.what() : error.what_without_backtrace());
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    if (std::getenv("HONE_BACKTRACE") == nullptr) return 2;
    try {
      std::rethrow_if_nested(error);
    } catch (const std::exception& cause) {
      fmt::print(stderr, "caused by: {}\n", cause.what());
    }
  }
  return 2;
}

// SPDX-License-Identifier: Apache-2.0
/// The `main` of the test programs, compiled once for Catch2 version 2, which has no library for it.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

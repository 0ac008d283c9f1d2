// SPDX-License-Identifier: Apache-2.0
/// The `main` of the test programs, compiled once, where Catch2 version 2 has no library for it.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

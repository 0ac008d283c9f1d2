// SPDX-License-Identifier: Apache-2.0
#include "hone/core/format_message.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "support/catch.hpp"

TEST_CASE("sentence replaces each {} with the next argument") {
  const std::string name = "patience";
  CHECK(hone::format_message("{} is {}. Set it to 1 or greater.", {name, 0}) ==
        "patience is 0. Set it to 1 or greater.");
  CHECK(hone::format_message("{}{}{}", {true, 'x', std::string_view("y")}) == "truexy");
  CHECK(hone::format_message("{{} }{", {1}) == "{1 }{");
  CHECK(hone::format_message("{} {} {}", {std::uint8_t{7}, std::numeric_limits<std::int64_t>::min(),
                                          std::numeric_limits<std::uint64_t>::max()}) ==
        "7 -9223372036854775808 18446744073709551615");
}

TEST_CASE("sentence does not replace braces in an argument") { CHECK(hone::format_message("'{}'", {"{}"}) == "'{}'"); }

TEST_CASE("joined concatenates the elements with a separator") {
  CHECK(hone::joined(std::vector<std::int64_t>{}, ", ").empty());
  CHECK(hone::joined(std::vector<std::int64_t>{32, 1, 28}, ", ") == "32, 1, 28");
  CHECK(hone::joined(std::vector<std::string>{"a", "b"}, "; ") == "a; b");
}

TEST_CASE("sentence formats numbers as {fmt} does") {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-20.0, 20.0);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    INFO("bits " << bits);
    REQUIRE(hone::format_message("{}", {value}) == fmt::format("{}", value));
    value = std::pow(10.0, exponent(random));
    REQUIRE(hone::format_message("{}", {value}) == fmt::format("{}", value));
    REQUIRE(hone::detail::general(value, 4) == fmt::format("{:.4g}", value));
    REQUIRE(hone::detail::fixed(value, 1) == fmt::format("{:.1f}", value));
    REQUIRE(hone::detail::scientific(value, 4) == fmt::format("{:.4e}", value));
  }
  for (const double value : {0.0, -0.0, 1.0, 0.1, 1e-4, 9.99e-5, 1e15, 1e16, std::nan(""), HUGE_VAL, -HUGE_VAL,
                             std::numeric_limits<double>::max(), std::numeric_limits<double>::denorm_min()}) {
    CHECK(hone::format_message("{}", {value}) == fmt::format("{}", value));
  }
  CHECK(hone::format_message("{}", {0.1F}) == "0.1");
}

TEST_CASE("zero_filled pads integers with leading zeros") {
  CHECK(hone::detail::zero_filled(7, 2) == "07");
  CHECK(hone::detail::zero_filled(0x1fU, 4, 16) == "001f");
  CHECK(hone::detail::zero_filled(123, 2) == "123");
}

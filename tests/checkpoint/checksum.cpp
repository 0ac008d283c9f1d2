// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/checksum.hpp"

#include <zlib.h>

#include <random>
#include <vector>

#include "support/catch.hpp"

TEST_CASE("crc32 matches zlib at every length and alignment") {
  std::mt19937 random(1);
  std::vector<std::uint8_t> bytes(3000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  for (std::size_t size = 0; size + 7 < bytes.size(); ++size) {
    const std::span part(bytes.data() + size % 7, size);
    const auto before = static_cast<std::uint32_t>(random());
    if (hone::detail::crc32(part, before) != ::crc32_z(before, part.data(), part.size())) FAIL("length " << size);
  }
}

TEST_CASE("crc32 of 123456789 is the check value of the standard") {
  const std::string text = "123456789";
  CHECK(hone::detail::crc32({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}) == 0xCBF43926U);
}

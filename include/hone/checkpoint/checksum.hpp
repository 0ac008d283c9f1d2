// SPDX-License-Identifier: Apache-2.0
/// The CRC-32 checksum of zip archives.
#pragma once

#include <cstdint>
#include <span>

namespace hone::detail {

/// Returns the CRC-32 of a sequence of bytes: a part whose CRC-32 is `before` (0 if empty), followed by `bytes`.
///
/// **Cost** about 0.1 s per GiB on x86-64 with PCLMULQDQ and SSE4.1, else the time that zlib needs.
std::uint32_t crc32(std::span<const std::uint8_t> bytes, std::uint32_t before = 0);

}  // namespace hone::detail

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/checksum.ipp"
#endif

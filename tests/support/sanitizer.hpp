// SPDX-License-Identifier: Apache-2.0
/// The sanitizer of a test program. g++ and clang define different macros.
#pragma once

#if defined(__has_feature)
#define HONE_HAS_FEATURE(name) __has_feature(name)
#else
#define HONE_HAS_FEATURE(name) 0
#endif

namespace hone {

#if defined(__SANITIZE_ADDRESS__) || HONE_HAS_FEATURE(address_sanitizer)
inline constexpr bool under_address_sanitizer = true;
#else
inline constexpr bool under_address_sanitizer = false;
#endif

#if defined(__SANITIZE_THREAD__) || HONE_HAS_FEATURE(thread_sanitizer)
inline constexpr bool under_thread_sanitizer = true;
#else
inline constexpr bool under_thread_sanitizer = false;
#endif

}  // namespace hone

#undef HONE_HAS_FEATURE

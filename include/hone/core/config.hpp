// SPDX-License-Identifier: Apache-2.0
/// The macro `HONE_INLINE`, for the definitions of functions that are not templates.
///
/// | target | macro | definitions |
/// | --- | --- | --- |
/// | `hone::hone` | `HONE_COMPILED_LIB` | in the library |
/// | `hone::header_only`, or no target | none | inline, in the headers |
///
/// `foo.hpp` declares, `foo.ipp` defines, and `src/hone.cpp` or `src/distributed.cpp` includes the `.ipp`.
#pragma once

#ifdef HONE_COMPILED_LIB
#define HONE_INLINE
#else
#define HONE_INLINE inline
#endif

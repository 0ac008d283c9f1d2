// SPDX-License-Identifier: Apache-2.0
/// Where the functions that are no templates are defined.
///
/// | target | macro | definitions |
/// | --- | --- | --- |
/// | `hone::hone` | `HONE_COMPILED_LIB` | in the library |
/// | `hone::header_only`, or no target | none | inline, in the headers |
///
/// `foo.hpp` declares, `foo.ipp` defines, and `src/hone.cpp` includes each `.ipp`.
#pragma once

#ifdef HONE_COMPILED_LIB
#define HONE_INLINE
#else
#define HONE_INLINE inline
#endif

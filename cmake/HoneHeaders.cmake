# SPDX-License-Identifier: Apache-2.0
# {fmt} and Boost.Hana as imported targets made from their headers alone. Used by the build and by the installed package.

function(hone_header_target target variable header package)
  if(TARGET ${target})
    return()
  endif()
  find_path(${variable} ${header} DOC "Folder that holds ${header}")
  mark_as_advanced(${variable})
  if(NOT ${variable})
    message(FATAL_ERROR "hone: the header ${header} was not found. Install it (Debian, Ubuntu: ${package}) or add its "
                        "prefix to CMAKE_PREFIX_PATH.")
  endif()
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} SYSTEM INTERFACE "${${variable}}")
endfunction()

hone_header_target(hone::fmt Fmt_INCLUDE_DIR fmt/format.h libfmt-dev)
# Header-only, because LibTorch exports no {fmt} symbols and the distribution's library may be another version.
set_property(TARGET hone::fmt PROPERTY INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY)
hone_header_target(hone::hana Hana_INCLUDE_DIR boost/hana.hpp libboost-dev)

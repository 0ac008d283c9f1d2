# SPDX-License-Identifier: Apache-2.0
# Imported targets for header-only libraries. Used by the build and by the installed package.

# Rejects LibTorch's folder, which contains a copy of {fmt} and may be in CMAKE_PREFIX_PATH: an include path to it would also
# hide the system's protobuf, pybind11 and other headers.
function(_hone_is_no_copy result folder)
  if(EXISTS "${folder}/ATen/ATen.h" AND NOT folder IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()

# hone_header_target(target variable header package problems): defines `target`, or appends the reason to the list `problems`.
function(hone_header_target target variable header package problems)
  if(TARGET ${target})
    return()
  endif()
  find_path(${variable} ${header} DOC "Folder that holds ${header}" VALIDATOR _hone_is_no_copy)
  mark_as_advanced(${variable})
  if(NOT ${variable})
    set(${problems} ${${problems}} "the header ${header} was not found. Install it (Debian, Ubuntu: ${package}) or add its prefix to CMAKE_PREFIX_PATH." PARENT_SCOPE)
    return()
  endif()
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} SYSTEM INTERFACE "${${variable}}")
  if(target STREQUAL "hone::fmt")
    # Header-only, because LibTorch exports no {fmt} symbols and the distribution's library may have another version.
    target_compile_definitions(${target} INTERFACE "$<$<COMPILE_LANGUAGE:CXX,OBJCXX,CUDA,HIP>:FMT_HEADER_ONLY>")
  endif()
endfunction()

# Finds the dependencies of hone::core, or appends the reason to the list `problems`.
macro(hone_find_core_headers problems)
  hone_header_target(hone::hana Hana_INCLUDE_DIR boost/hana.hpp libboost-dev ${problems})
endmacro()

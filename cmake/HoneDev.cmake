# SPDX-License-Identifier: Apache-2.0
# Settings of the project's programs: warnings, sanitizers, clang-tidy, ccache, the precompiled header.

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(hone_dev INTERFACE)
target_compile_options(hone_dev INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                                          $<$<BOOL:${HONE_DEV_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False positives of g++ 12 with optimization: overflows in std::string (GCC bug 105651), and uninitialized values in an
  # optional of LibTorch that are not read.
  target_compile_options(hone_dev INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Otherwise, g++ spends 10 % of its time in garbage collection.
  target_compile_options(hone_dev INTERFACE "SHELL:--param ggc-min-heapsize=4000000")
endif()
# {fmt} for tests, examples and benchmarks. hone itself does not use it.
set(problems "")
hone_header_target(hone::fmt Fmt_INCLUDE_DIR fmt/format.h libfmt-dev problems)
if(problems)
  message(FATAL_ERROR "hone: ${problems}")
endif()
target_link_libraries(hone_dev INTERFACE hone::fmt)
include(HoneSanitize)
if(HONE_DEV_TIDY)
  find_program(CLANG_TIDY NAMES clang-tidy-19 clang-tidy REQUIRED)
  set(CMAKE_CXX_CLANG_TIDY "${CLANG_TIDY}")
endif()

find_program(CCACHE ccache)
mark_as_advanced(CCACHE)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER AND PROJECT_IS_TOP_LEVEL)
  # Without this setting, ccache does not cache files that use a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime" "${CCACHE}")
endif()

# In this build, the library has the same warnings, sanitizers and checks as the project's programs.
if(TARGET hone)
  target_link_libraries(hone PRIVATE hone_dev)
  set_target_properties(hone PROPERTIES CXX_CLANG_TIDY "${CMAKE_CXX_CLANG_TIDY}" CXX_EXTENSIONS OFF
                                        CXX_COMPILER_LAUNCHER "${CMAKE_CXX_COMPILER_LAUNCHER}")
endif()

# Tests and examples compute little, so their build time matters more than their speed.
set(hone_quick_build "$<$<CONFIG:Release>:-O0>")

# LibTorch's headers, precompiled once for hone_quick_build and once for optimized programs.
if(HONE_DEV_PCH AND HONE_WITH_TORCH)
  set(source "${CMAKE_BINARY_DIR}/hone_pch.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "" @ONLY)
  foreach(pch IN ITEMS hone_pch hone_pch_optimized)
    add_library(${pch} OBJECT EXCLUDE_FROM_ALL "${source}")
    target_link_libraries(${pch} PRIVATE hone::hone hone_dev)
    target_precompile_headers(${pch} PRIVATE <torch/torch.h> <boost/hana.hpp> <fmt/format.h>)
  endforeach()
  target_compile_options(hone_pch PRIVATE ${hone_quick_build})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(hone_dev INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
  else()
    target_compile_options(hone_dev INTERFACE -fpch-preprocess)
  endif()
endif()

# Adds a test with a time limit and one thread, so that results are reproducible and tests can run in parallel. A later
# set_tests_properties(... ENVIRONMENT) must repeat ${hone_test_environment}.
function(hone_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "COMMAND")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  math(EXPR timeout "${arg_TIMEOUT} * ${hone_test_slowdown}")
  list(POP_FRONT arg_COMMAND program)
  if(TARGET "${program}")
    set(program $<TARGET_FILE:${program}>)
  endif()
  add_test(NAME ${name} COMMAND ${hone_test_launcher} "${program}" ${arg_COMMAND})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} ENVIRONMENT "${hone_test_environment}")
endfunction()

# Adds a program that uses LibTorch. OPTIMIZED: with all of the build type's optimization. HEADER_ONLY: without the library, and
# without the precompiled header, which is compiled for the library.
function(hone_torch_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "OPTIMIZED;HEADER_ONLY" "" "")
  set(sources ${arg_UNPARSED_ARGUMENTS})
  add_executable(${name} ${sources})
  if(arg_HEADER_ONLY)
    target_link_libraries(${name} PRIVATE hone::header_only hone_dev)
  else()
    target_link_libraries(${name} PRIVATE hone::hone hone_dev)
  endif()
  set(pch hone_pch)
  if(arg_OPTIMIZED)
    set(pch hone_pch_optimized)
  else()
    target_compile_options(${name} PRIVATE ${hone_quick_build})
  endif()
  list(LENGTH sources number)
  # For an optimized program with one file, precompiling would take longer than it saves.
  if(TARGET ${pch} AND NOT arg_HEADER_ONLY AND NOT (arg_OPTIMIZED AND number EQUAL 1))
    target_precompile_headers(${name} REUSE_FROM ${pch})
  endif()
endfunction()

# Sets `out` to files that include up to twelve sources each, because compiling LibTorch's templates takes g++ longer than
# most tests. The sources of a file are spread over the list, because adjacent ones have similar costs. Sources that adapt a
# struct with Boost.Hana or specialize a template of hone, which is possible outside of other namespaces only, are compiled
# separately.
function(hone_unity_sources name out)
  set(result "")
  set(combined "")
  foreach(source IN LISTS ARGN)
    file(STRINGS "${source}" global REGEX "^(BOOST_HANA_ADAPT_|namespace hone|struct hone::)" LIMIT_COUNT 1)
    if(global OR NOT HONE_DEV_UNITY)
      list(APPEND result "${source}")
    else()
      list(APPEND combined "${source}")
    endif()
  endforeach()
  list(LENGTH combined number)
  math(EXPR groups "(${number} + 11) / 12")
  set(script "${PROJECT_SOURCE_DIR}/cmake/HoneUnityBuild.cmake")
  set(group 0)
  while(group LESS groups)
    set(sources "")
    set(i ${group})
    while(i LESS number)
      list(GET combined ${i} source)
      list(APPEND sources "${source}")
      math(EXPR i "${i} + ${groups}")
    endwhile()
    set(file "${CMAKE_CURRENT_BINARY_DIR}/unity/${name}_${group}.cpp")
    add_custom_command(OUTPUT "${file}" DEPENDS ${sources} "${script}" VERBATIM
                       COMMENT "Combining tests: ${name}_${group}"
                       COMMAND "${CMAKE_COMMAND}" -D "OUT=${file}" -D "SOURCES=${sources}" -P "${script}")
    list(APPEND result "${file}")
    math(EXPR group "${group} + 1")
  endwhile()
  set(${out} ${result} PARENT_SCOPE)
endfunction()

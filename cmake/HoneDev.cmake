# SPDX-License-Identifier: Apache-2.0
# What only the project's own programs use: warnings, sanitizers, clang-tidy, ccache, the precompiled header.

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(hone_dev INTERFACE)
target_compile_options(hone_dev INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                                          $<$<BOOL:${HONE_DEV_WERROR}>:-Werror>)
if(HONE_DEV_SANITIZE)
  list(JOIN HONE_DEV_SANITIZE "," sanitizers)
  target_compile_options(hone_dev INTERFACE -fsanitize=${sanitizers} -fno-omit-frame-pointer
                                            -fno-sanitize-recover=all)
  target_link_options(hone_dev INTERFACE -fsanitize=${sanitizers})
endif()
if(HONE_DEV_TIDY)
  find_program(CLANG_TIDY NAMES clang-tidy-19 clang-tidy REQUIRED)
  set(CMAKE_CXX_CLANG_TIDY "${CLANG_TIDY}")
endif()

find_program(CCACHE ccache)
mark_as_advanced(CCACHE)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER AND PROJECT_IS_TOP_LEVEL)
  # Without this, whatever uses a precompiled header is never cached.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime" "${CCACHE}")
endif()

# Pays from the second file that includes LibTorch with clang, from the tenth with g++.
if(HONE_DEV_PCH AND HONE_WITH_TORCH)
  set(source "${CMAKE_BINARY_DIR}/hone_pch.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "" @ONLY)
  add_library(hone_pch OBJECT "${source}")
  target_link_libraries(hone_pch PRIVATE hone::hone hone_dev)
  target_precompile_headers(hone_pch PRIVATE <torch/torch.h> <boost/hana.hpp> <fmt/format.h>)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(hone_dev INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
  else()
    target_compile_options(hone_dev INTERFACE -fpch-preprocess)
  endif()
endif()

# One of the project's own programs that uses LibTorch.
function(hone_torch_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE hone::hone hone_dev)
  if(TARGET hone_pch)
    target_precompile_headers(${name} REUSE_FROM hone_pch)
  endif()
endfunction()

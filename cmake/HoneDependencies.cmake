# SPDX-License-Identifier: Apache-2.0
include("${CMAKE_CURRENT_LIST_DIR}/HoneHeaders.cmake")

if(HONE_WITH_TORCH)
  # GLOBAL: a project that adds hone as a subfolder must see these targets too.
  if(HONE_WITH_CUDA)
    find_package(LibTorch 2.11 REQUIRED COMPONENTS cuda GLOBAL)
  else()
    find_package(LibTorch 2.11 REQUIRED GLOBAL)
  endif()
  find_package(ZLIB REQUIRED GLOBAL)
  find_package(range-v3 REQUIRED GLOBAL)
  hone_header_target(hone::json Json_INCLUDE_DIR nlohmann/json.hpp nlohmann-json3-dev)
endif()

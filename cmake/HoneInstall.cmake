# SPDX-License-Identifier: Apache-2.0
include(CMakePackageConfigHelpers)
set(folder "${CMAKE_INSTALL_LIBDIR}/cmake/hone")

install(TARGETS hone_core EXPORT hone_core FILE_SET HEADERS)
install(EXPORT hone_core NAMESPACE hone:: DESTINATION "${folder}" FILE hone-core.cmake)
if(HONE_WITH_TORCH)
  install(TARGETS hone_headers hone_header_only EXPORT hone_hone FILE_SET HEADERS)
  # The library is compiled by the project that uses it: see HoneLibrary.cmake.
  install(FILES src/hone.cpp src/distributed.cpp DESTINATION "${folder}/src")
  install(EXPORT hone_hone NAMESPACE hone:: DESTINATION "${folder}" FILE hone-hone.cmake)
endif()

configure_file(cmake/hone-config.cmake.in hone-config.cmake @ONLY)
write_basic_package_version_file(hone-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/hone-config.cmake" "${CMAKE_CURRENT_BINARY_DIR}/hone-config-version.cmake"
              cmake/FindLibTorch.cmake cmake/HoneHeaders.cmake cmake/HoneLibrary.cmake
              cmake/HonePch.cmake cmake/HoneMpi.cmake
        DESTINATION "${folder}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/hone")

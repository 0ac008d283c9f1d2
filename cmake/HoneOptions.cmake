# SPDX-License-Identifier: Apache-2.0
# The options, by audience. A misspelled option is an error.

# For users of hone.
option(HONE_WITH_TORCH "Make the target hone::hone, which needs LibTorch (OFF: hone::core only)" ON)
option(HONE_WITH_CUDA "Link LibTorch's CUDA libraries too" OFF)
set(HONE_WITH_MPI AUTO CACHE STRING "Make the target hone::mpi: ON, OFF or AUTO (in hone's own build, where there is MPI)")
option(HONE_INSTALL "Make the install target" ${PROJECT_IS_TOP_LEVEL})
# For builds of the whole project.
option(HONE_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(HONE_BUILD_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(HONE_BUILD_BENCHMARKS "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
# For developers of hone.
option(HONE_DEV_WERROR "Make our own code's warnings errors" OFF)
option(HONE_DEV_TIDY "Run clang-tidy on what is compiled" OFF)
set(HONE_DEV_SANITIZE "" CACHE STRING "Sanitizers, as a list: address;undefined")
option(HONE_DEV_PCH "Precompile LibTorch's headers once for all programs" ON)
option(HONE_DEV_UNITY "Compile up to twelve test files as one (a unity build)" ON)

set(known HONE_WITH_TORCH HONE_WITH_CUDA HONE_WITH_MPI HONE_INSTALL HONE_BUILD_TESTS HONE_BUILD_EXAMPLES HONE_BUILD_BENCHMARKS
          HONE_DEV_WERROR HONE_DEV_TIDY HONE_DEV_SANITIZE HONE_DEV_PCH HONE_DEV_UNITY)
get_cmake_property(unknown CACHE_VARIABLES)
list(FILTER unknown INCLUDE REGEX "^HONE_")
list(REMOVE_ITEM unknown ${known})
if(unknown)
  list(JOIN unknown ", " unknown)
  list(JOIN known ", " known)
  message(FATAL_ERROR "hone: there is no option ${unknown}. The options are ${known}. Take it out of the cache "
                      "with -U.")
endif()
if(HONE_WITH_CUDA AND NOT HONE_WITH_TORCH)
  message(FATAL_ERROR "hone: HONE_WITH_CUDA=ON needs HONE_WITH_TORCH=ON.")
endif()

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

# SPDX-License-Identifier: Apache-2.0
# hone::mpi is hone::hone with the MPI that FindMPI finds; no wrapper of a compiler is needed. Where the project has C, it is
# MPI::MPI_C, so that a program that links that has one MPI.
if(NOT TARGET hone::mpi)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  set(language CXX)
  if("C" IN_LIST languages)
    set(language C)
  endif()
  if(NOT TARGET MPI::MPI_${language})
    find_package(MPI QUIET COMPONENTS ${language} GLOBAL)
  endif()
  if(TARGET MPI::MPI_${language})
    add_library(hone::mpi INTERFACE IMPORTED GLOBAL)
    target_link_libraries(hone::mpi INTERFACE hone::hone MPI::MPI_${language})
    # The C++ bindings that MPI 2 had need a library that is not linked. <mpi.h> declares them unless it is told not to,
    # also where a file includes it before hone does.
    target_compile_definitions(hone::mpi INTERFACE
      "$<$<COMPILE_LANGUAGE:CXX,OBJCXX,CUDA,HIP>:OMPI_SKIP_MPICXX=1;MPICH_SKIP_MPICXX=1>")
  endif()
endif()

# SPDX-License-Identifier: Apache-2.0
# Defines hone::mpi: hone::hone with the MPI that FindMPI finds, without a compiler wrapper. If the project has C, it links
# MPI::MPI_C, so that a program that links MPI::MPI_C too has one MPI.
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
    # MPI 2's C++ bindings need a library that is not linked. <mpi.h> declares them unless these macros are defined. They are
    # defined for the target, because a file may include <mpi.h> before hone.
    target_compile_definitions(hone::mpi INTERFACE
      "$<$<COMPILE_LANGUAGE:CXX,OBJCXX,CUDA,HIP>:OMPI_SKIP_MPICXX=1;MPICH_SKIP_MPICXX=1>")
  endif()
endif()

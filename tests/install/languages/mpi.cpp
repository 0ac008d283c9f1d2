// SPDX-License-Identifier: Apache-2.0
/// Includes MPI before hone does. Its C++ bindings, which the linked library may lack, must be disabled here, too.
#include <mpi.h>

#include <hone/distributed/mpi_library.hpp>

int main() {
  const bool is_running = hone::MpiLibrary::is_running();
  return is_running || MPI_COMM_WORLD == MPI_COMM_NULL ? 1 : 0;
}

! SPDX-License-Identifier: Apache-2.0
! Needs the compiler's libgfortran: the library in LibTorch's wheel lacks findloc.
program main
  use iso_c_binding, only: c_int
  implicit none
  interface
    function failures() bind(c)
      import :: c_int
      integer(c_int) :: failures
    end function
  end interface
  integer, allocatable :: values(:)
  allocate (values(command_argument_count() + 3))
  values = [4, 5, 6]
  print *, findloc(values, 5), failures()
  if (any(findloc(values, 5) /= [2]) .or. failures() /= 0) stop 1
end program

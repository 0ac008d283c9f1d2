# SPDX-License-Identifier: Apache-2.0
# Sanitizers for the project's own programs. LibTorch, libgomp and MPI are not instrumented; tests/sanitizers lists what
# the sanitizers report in their code, with the reason for each entry.
#
#   hone_test_environment   environment variables of every test
#   hone_test_launcher      a command that starts every test, or nothing
#   hone_test_slowdown      factor on the time limit of a test
set(hone_test_environment OMP_NUM_THREADS=1)
set(hone_test_launcher "")
set(hone_test_slowdown 1)
if(NOT HONE_DEV_SANITIZE)
  return()
endif()

list(JOIN HONE_DEV_SANITIZE "," sanitizers)
if(sanitizers MATCHES "thread" AND sanitizers MATCHES "address|leak")
  message(FATAL_ERROR "hone: HONE_DEV_SANITIZE is ${sanitizers}. The thread sanitizer cannot be combined with the address "
                      "or leak sanitizer. Use the presets `asan` and `tsan` in two build folders.")
endif()
# Findings of the undefined-behavior sanitizer stay recoverable because only those can be suppressed at run time; the
# environment below ends the program at the first one that is not suppressed.
target_compile_options(hone_dev INTERFACE -fsanitize=${sanitizers} -fno-omit-frame-pointer)
target_link_options(hone_dev INTERFACE -fsanitize=${sanitizers})

set(hone_test_slowdown 5)
set(folder "${PROJECT_SOURCE_DIR}/tests/sanitizers")
if(sanitizers MATCHES "address")
  # protect_shadow_gap: the CUDA driver maps memory there. allocator_may_return_null: tests run out of memory.
  list(APPEND hone_test_environment
    "ASAN_OPTIONS=suppressions=${folder}/asan.supp:strict_string_checks=1:check_initialization_order=1:detect_stack_use_after_return=1:protect_shadow_gap=0:allocator_may_return_null=1"
    "LSAN_OPTIONS=suppressions=${folder}/lsan.supp:print_suppressions=0")
endif()
if(sanitizers MATCHES "undefined")
  list(APPEND hone_test_environment
    "UBSAN_OPTIONS=suppressions=${folder}/ubsan.supp:halt_on_error=1:print_stacktrace=1")
endif()
if(sanitizers MATCHES "thread")
  list(APPEND hone_test_environment
    "TSAN_OPTIONS=suppressions=${folder}/tsan.supp:ignore_noninstrumented_modules=1:halt_on_error=1:second_deadlock_stack=1:history_size=4")
  # The thread sanitizer maps its shadow at fixed addresses, which address space layout randomization may have taken.
  find_program(SETARCH setarch)
  mark_as_advanced(SETARCH)
  if(SETARCH)
    set(hone_test_launcher "${SETARCH}" "${CMAKE_SYSTEM_PROCESSOR}" -R)
  endif()
endif()

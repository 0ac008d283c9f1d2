# SPDX-License-Identifier: Apache-2.0
# The project's programs that use CUDA. They are built if CUDA's headers and LibTorch's CUDA library are available, even if
# hone is built without CUDA, so that they always compile and link. They run if there is a GPU.
#
#   HONE_CAN_LINK_CUDA              true if such programs can be built
#   hone_link_cuda(target)          links a program with CUDA
#   hone_add_cuda_test(name target) adds its test, which is skipped if it exits with 77 or CUDA's other libraries are missing

set(HONE_CAN_LINK_CUDA OFF)
find_path(LibTorch_CUDA_HEADERS cusolverDn.h
          HINTS "${LibTorch_FOLDER}/../nvidia/cu13" "${LibTorch_FOLDER}/../nvidia/cu12" "$ENV{CUDA_HOME}" /usr/local/cuda
          PATH_SUFFIXES include)
mark_as_advanced(LibTorch_CUDA_HEADERS)
file(GLOB hone_cudart "${LibTorch_FOLDER}/../nvidia/cu*/lib/libcudart.so.*" "$ENV{CUDA_HOME}/lib64/libcudart.so"
     /usr/local/cuda/lib64/libcudart.so)
if(LibTorch_CUDA_HEADERS AND hone_cudart AND EXISTS "${LibTorch_FOLDER}/lib/libtorch_cuda.so")
  list(GET hone_cudart 0 hone_cudart)
  set(HONE_CAN_LINK_CUDA ON)
endif()

function(hone_link_cuda target)
  target_compile_definitions(${target} PRIVATE HONE_WITH_CUDA)
  target_compile_options(${target} PRIVATE "SHELL:-idirafter \"${LibTorch_CUDA_HEADERS}\"")
  # A program can be linked with a wheel without NVIDIA's wheels, but not run.
  set(lib "${LibTorch_FOLDER}/lib")
  get_filename_component(cudart_folder "${hone_cudart}" DIRECTORY)
  target_link_options(${target} PRIVATE "-Wl,-rpath,${cudart_folder}")
  target_link_libraries(${target} PRIVATE
    "-Wl,--push-state,--no-as-needed,${lib}/libtorch_cuda.so,${lib}/libc10_cuda.so,${hone_cudart},--pop-state"
    -Wl,--unresolved-symbols=ignore-in-shared-libs)
endfunction()

function(hone_add_cuda_test name target)
  set(program "'$<TARGET_FILE:${target}>'")
  hone_add_test(${name} COMMAND sh -c "if ldd ${program} | grep 'not found'\; then exit 77\; fi\; ${program}")
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()

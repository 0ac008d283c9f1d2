# SPDX-License-Identifier: Apache-2.0
#[[
Finds LibTorch in a LibTorch folder or a Python wheel and defines imported targets. TorchConfig.cmake is not used, because
it requires a CUDA toolkit if the wheel was built with CUDA, and links all of CUDA into every program.

  LibTorch::cpu       libtorch_cpu and libc10 only; a CPU program starts in half the time
  LibTorch::cuda      LibTorch::cpu and CUDA; only with the component `cuda`
  LibTorch::LibTorch  the requested one of the two, or `torch` if the project builds LibTorch

Searches, in this order: the LibTorch that find_package(Torch) has found, LibTorch_ROOT, Torch_DIR, CMAKE_PREFIX_PATH (each
as a CMake or an environment variable), the previously found folder, the `torch` of `python3` (located, not imported),
`.venv` in the project.
Sets LibTorch_VERSION, LibTorch_FOLDER and LibTorch_INCLUDE_DIRS, or LibTorch_NOT_FOUND_MESSAGE.

A program searches LibTorch's lib folder at run time. A wheel contains copies of some of the compiler's libraries, such as
libgomp and libgfortran, which may be older than the program requires. Therefore the run path begins with a folder of links
to the compiler's libraries, LibTorch_RUNTIME_LINKS, by default in the build folder. Set it to another folder for installed
programs that use OpenMP or Fortran and are used after the build folder is removed.
]]

set(_remedy "Run scripts/quickstart, which puts one into .venv, or give the folder with -DLibTorch_ROOT=DIR (the folder "
            "with include/ and lib/, in a Python installation site-packages/torch).")
string(JOIN "" _remedy ${_remedy})

function(_libtorch_fail text)
  set_property(GLOBAL PROPERTY _libtorch_problem "${text}")
  if(LibTorch_FIND_REQUIRED)
    message(FATAL_ERROR "hone: ${text}")
  elseif(NOT LibTorch_FIND_QUIETLY)
    message(STATUS "${text}")
  endif()
endfunction()

# Sets `out` to the version of the LibTorch in `folder`, or to an empty string if there is none.
function(_libtorch_version folder out)
  set(${out} "" PARENT_SCOPE)
  if(NOT EXISTS "${folder}/lib/libtorch_cpu${CMAKE_SHARED_LIBRARY_SUFFIX}")
    return()
  endif()
  # Since 2.10, the numbers are in headeronly/version.h, which the other header includes.
  foreach(header IN ITEMS include/torch/headeronly/version.h include/torch/csrc/api/include/torch/version.h)
    if(EXISTS "${folder}/${header}")
      file(STRINGS "${folder}/${header}" lines REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
      string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3" version "${lines}")
      if(version MATCHES "^[0-9]+[.][0-9]+[.][0-9]+$")
        set(${out} "${version}" PARENT_SCOPE)
        return()
      endif()
    endif()
  endforeach()
endfunction()

function(_libtorch_locate)
  # A folder that the user named must be valid; other candidates are skipped if they are not. A program must have one
  # LibTorch, so the one of find_package(Torch) has precedence.
  set(names LibTorch_ROOT Torch_DIR)
  if(TARGET torch)
    list(REVERSE names)
  endif()
  foreach(name IN LISTS names)
    set(given "${${name}}")
    if(NOT given)
      set(given "$ENV{${name}}")
    endif()
    if(given AND NOT given MATCHES "-NOTFOUND$")
      string(REGEX REPLACE "/share/cmake/Torch/?$" "" folder "${given}")
      _libtorch_version("${folder}" version)
      if(NOT version)
        _libtorch_fail("${name} is ${given}, which holds no LibTorch (lib/libtorch_cpu.so is not there). ${_remedy}")
        return()
      endif()
      set(named "${folder}")
      break()
    endif()
  endforeach()
  if(NOT named)
    set(prefixes "$ENV{CMAKE_PREFIX_PATH}")
    string(REPLACE ":" ";" prefixes "${prefixes}")
    set(candidates ${CMAKE_PREFIX_PATH} ${prefixes} "${LibTorch_LAST_FOLDER}")
    list(TRANSFORM candidates REPLACE "/share/cmake/?$" "")
    find_program(LibTorch_PYTHON python3 DOC "The Python whose torch may be used")
    mark_as_advanced(LibTorch_PYTHON)
    if(LibTorch_PYTHON)
      execute_process(
        COMMAND "${LibTorch_PYTHON}" -c
                "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
        OUTPUT_VARIABLE pythons OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    endif()
    file(GLOB venvs "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch"
                    "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
    list(APPEND candidates "${pythons}" ${venvs})
    set(too_old "")
    foreach(folder IN LISTS candidates)
      _libtorch_version("${folder}" version)
      if(version AND LibTorch_FIND_VERSION AND version VERSION_LESS LibTorch_FIND_VERSION)
        list(APPEND too_old "${folder} is ${version}")
      elseif(version)
        set(named "${folder}")
        break()
      endif()
    endforeach()
  endif()
  if(NOT named)
    if(too_old)
      list(JOIN too_old ", " too_old)
      _libtorch_fail("LibTorch ${LibTorch_FIND_VERSION} or newer is needed, and ${too_old}. ${_remedy}")
    else()
      _libtorch_fail("LibTorch was not found. ${_remedy}")
    endif()
    return()
  endif()
  if(LibTorch_FIND_VERSION AND version VERSION_LESS LibTorch_FIND_VERSION)
    _libtorch_fail("LibTorch ${LibTorch_FIND_VERSION} or newer is needed, and ${named} is ${version}. ${_remedy}")
    return()
  endif()
  get_filename_component(named "${named}" REALPATH)
  set(LibTorch_LAST_FOLDER "${named}" CACHE INTERNAL "The LibTorch that was found last time")
  set(LibTorch_FOLDER "${named}" PARENT_SCOPE)
  set(LibTorch_VERSION "${version}" PARENT_SCOPE)
endfunction()

# The languages that include LibTorch's headers. Other languages, such as C, Fortran and assembly, get no flags.
set(_libtorch_languages CXX,OBJCXX,CUDA,HIP)

# Adds include folders that are searched last, so that the system's headers have precedence over LibTorch's copies ({fmt},
# protobuf, pybind11, oneDNN) and a program has one version of each. nvcc passes the flag to its host compiler only.
function(_libtorch_include_last target)
  foreach(folder IN LISTS ARGN)
    target_compile_options(${target} INTERFACE
      "$<$<COMPILE_LANGUAGE:CXX,OBJCXX,HIP>:SHELL:-idirafter \"${folder}\">"
      "$<$<COMPILE_LANG_AND_ID:CUDA,Clang>:SHELL:-idirafter \"${folder}\">"
      "$<$<COMPILE_LANG_AND_ID:CUDA,NVIDIA>:SHELL:-Xcompiler -idirafter -Xcompiler \"${folder}\">")
  endforeach()
endfunction()

# Sets `out` to the folders in which programs search LibTorch's libraries.
function(_libtorch_runtime_folders out)
  set(lib "${LibTorch_FOLDER}/lib")
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  file(GLOB copies RELATIVE "${lib}" "${lib}/*.so*")
  list(FILTER copies INCLUDE REGEX "^lib(gomp|gfortran|quadmath|atomic|gcc_s|stdc[+][+])[.]so")
  set(folders "")
  foreach(copy IN LISTS copies)
    foreach(language IN ITEMS Fortran CXX)
      if(NOT language IN_LIST languages)
        continue()
      endif()
      execute_process(COMMAND "${CMAKE_${language}_COMPILER}" "-print-file-name=${copy}"
                      OUTPUT_VARIABLE own OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
      if(IS_ABSOLUTE "${own}" AND EXISTS "${own}")
        set(LibTorch_RUNTIME_LINKS "${CMAKE_BINARY_DIR}/libtorch_runtime" CACHE PATH
            "Folder for links to the compiler's libraries of which LibTorch has copies")
        mark_as_advanced(LibTorch_RUNTIME_LINKS)
        file(REAL_PATH "${own}" own)
        file(MAKE_DIRECTORY "${LibTorch_RUNTIME_LINKS}")
        file(CREATE_LINK "${own}" "${LibTorch_RUNTIME_LINKS}/${copy}" SYMBOLIC)
        set(folders "${LibTorch_RUNTIME_LINKS}")
        break()
      endif()
    endforeach()
  endforeach()
  set(${out} ${folders} "${lib}" PARENT_SCOPE)
endfunction()

# One linker argument keeps the libraries together: they register operators and must not be dropped as unneeded.
function(_libtorch_target target includes)
  add_library(${target} INTERFACE IMPORTED)
  _libtorch_include_last(${target} ${includes})
  target_compile_definitions(${target} INTERFACE
    "$<$<COMPILE_LANGUAGE:${_libtorch_languages}>:USE_DISTRIBUTED;USE_C10D>")
  target_compile_features(${target} INTERFACE cxx_std_20)
  list(JOIN ARGN "," libraries)
  target_link_libraries(${target} INTERFACE "-Wl,--push-state,--no-as-needed,${libraries},--pop-state")
  _libtorch_runtime_folders(folders)
  list(JOIN folders ":" folders)
  target_link_options(${target} INTERFACE "$<HOST_LINK:-Wl$<COMMA>-rpath$<COMMA>${folders}>")
endfunction()

function(_libtorch_cuda_target)
  file(GLOB wheels "${LibTorch_FOLDER}/../nvidia/cu*" "${LibTorch_FOLDER}/../nvidia/cuda_runtime")
  find_path(LibTorch_CUDA_INCLUDE_DIR cuda_runtime_api.h
            HINTS ${wheels} "$ENV{CUDA_HOME}" /usr/local/cuda PATH_SUFFIXES include)
  find_library(LibTorch_CUDART NAMES cudart libcudart.so.13 libcudart.so.12
               HINTS ${wheels} "$ENV{CUDA_HOME}" /usr/local/cuda PATH_SUFFIXES lib lib64)
  # For hone/distributed/nccl.hpp only, which has an #error if it is missing.
  find_path(LibTorch_NCCL_INCLUDE_DIR nccl.h HINTS "${LibTorch_FOLDER}/../nvidia/nccl" "$ENV{CUDA_HOME}" /usr/local/cuda
            PATH_SUFFIXES include)
  mark_as_advanced(LibTorch_CUDA_INCLUDE_DIR LibTorch_CUDART LibTorch_NCCL_INCLUDE_DIR)
  if(NOT EXISTS "${LibTorch_FOLDER}/lib/libtorch_cuda${CMAKE_SHARED_LIBRARY_SUFFIX}")
    _libtorch_fail("${LibTorch_FOLDER} is a LibTorch without CUDA. Leave CUDA off, or give one with it in LibTorch_ROOT.")
  elseif(NOT LibTorch_CUDA_INCLUDE_DIR OR NOT LibTorch_CUDART)
    _libtorch_fail("the CUDA runtime (cuda_runtime_api.h and libcudart) was not found. Run scripts/quickstart --cuda, "
                   "or set CUDA_HOME.")
  else()
    set(lib "${LibTorch_FOLDER}/lib")
    set(includes "${LibTorch_INCLUDE_DIRS}" "${LibTorch_CUDA_INCLUDE_DIR}")
    if(LibTorch_NCCL_INCLUDE_DIR)
      list(APPEND includes "${LibTorch_NCCL_INCLUDE_DIR}")
    endif()
    _libtorch_target(LibTorch::cuda "${includes}" ${lib}/libtorch.so
                     ${lib}/libtorch_cuda.so ${lib}/libtorch_cpu.so ${lib}/libc10_cuda.so ${lib}/libc10.so
                     ${LibTorch_CUDART})
  endif()
endfunction()

set(_libtorch_is_built FALSE)
if(TARGET torch)
  get_target_property(_libtorch_is_imported torch IMPORTED)
  if(NOT _libtorch_is_imported)
    set(_libtorch_is_built TRUE)
  endif()
endif()
set_property(GLOBAL PROPERTY _libtorch_problem "")

if(NOT TARGET LibTorch::LibTorch AND _libtorch_is_built)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_link_libraries(LibTorch::LibTorch INTERFACE torch)
  get_target_property(LibTorch_INCLUDE_DIRS torch INTERFACE_INCLUDE_DIRECTORIES)
elseif(NOT TARGET LibTorch::LibTorch)
  _libtorch_locate()
  if(LibTorch_FOLDER)
    set(LibTorch_INCLUDE_DIRS "${LibTorch_FOLDER}/include" "${LibTorch_FOLDER}/include/torch/csrc/api/include")
    _libtorch_target(LibTorch::cpu "${LibTorch_INCLUDE_DIRS}" "${LibTorch_FOLDER}/lib/libtorch_cpu.so"
                     "${LibTorch_FOLDER}/lib/libc10.so")
    set(_libtorch_chosen LibTorch::cpu)
    if("cuda" IN_LIST LibTorch_FIND_COMPONENTS)
      _libtorch_cuda_target()
      set(_libtorch_chosen LibTorch::cuda)
    endif()
    if(TARGET ${_libtorch_chosen})
      add_library(LibTorch::LibTorch INTERFACE IMPORTED)
      target_link_libraries(LibTorch::LibTorch INTERFACE ${_libtorch_chosen})
      if(NOT LibTorch_FIND_QUIETLY)
        message(STATUS "LibTorch ${LibTorch_VERSION} in ${LibTorch_FOLDER}")
      endif()
    endif()
  endif()
endif()

set(LibTorch_FOUND FALSE)
get_property(LibTorch_NOT_FOUND_MESSAGE GLOBAL PROPERTY _libtorch_problem)
if(TARGET LibTorch::LibTorch)
  set(LibTorch_FOUND TRUE)
  if("cuda" IN_LIST LibTorch_FIND_COMPONENTS)
    set(LibTorch_cuda_FOUND TRUE)
  endif()
endif()

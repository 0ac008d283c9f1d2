# SPDX-License-Identifier: Apache-2.0
# Defines hone::hone, a library of the functions that are not templates. Used by the build and by the installed package,
# which compiles the sources in the user's build, with its compiler, flags and LibTorch.
function(hone_add_library folder)
  if(TARGET hone)
    return()
  endif()
  add_library(hone STATIC EXCLUDE_FROM_ALL "${folder}/hone.cpp" "${folder}/distributed.cpp")
  add_library(hone::hone ALIAS hone)
  target_compile_definitions(hone PUBLIC "$<$<COMPILE_LANGUAGE:CXX,OBJCXX,CUDA,HIP>:HONE_COMPILED_LIB>")
  target_link_libraries(hone PUBLIC hone::headers PRIVATE ZLIB::ZLIB hone::json)
  # Position independent, because a shared library may link it. Checks of the user's sources do not apply to these sources.
  set_target_properties(hone PROPERTIES POSITION_INDEPENDENT_CODE ON UNITY_BUILD OFF CXX_CLANG_TIDY "" CXX_CPPCHECK ""
                        CXX_CPPLINT "" CXX_INCLUDE_WHAT_YOU_USE "")
endfunction()

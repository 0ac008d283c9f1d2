# SPDX-License-Identifier: Apache-2.0
# hone::hone, which compiles what is no template once. Used by the build and by the installed package: there, too, the
# sources are compiled in the build that uses them, with its compiler, flags and LibTorch.
function(hone_add_library folder)
  if(TARGET hone)
    return()
  endif()
  add_library(hone STATIC EXCLUDE_FROM_ALL "${folder}/hone.cpp" "${folder}/distributed.cpp")
  add_library(hone::hone ALIAS hone)
  target_compile_definitions(hone PUBLIC "$<$<COMPILE_LANGUAGE:CXX,OBJCXX,CUDA,HIP>:HONE_COMPILED_LIB>")
  target_link_libraries(hone PUBLIC hone::headers PRIVATE ZLIB::ZLIB hone::json)
  # A shared library may take it in. What checks a project's sources is not for these.
  set_target_properties(hone PROPERTIES POSITION_INDEPENDENT_CODE ON UNITY_BUILD OFF CXX_CLANG_TIDY "" CXX_CPPCHECK ""
                        CXX_CPPLINT "" CXX_INCLUDE_WHAT_YOU_USE "")
endfunction()

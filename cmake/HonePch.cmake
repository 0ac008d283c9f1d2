# SPDX-License-Identifier: Apache-2.0
# hone::pch precompiles the headers of LibTorch and hone for each target that links it. To share a precompiled header, use
# target_precompile_headers(other REUSE_FROM first).
if(NOT TARGET hone::pch)
  add_library(hone::pch INTERFACE IMPORTED GLOBAL)
  target_link_libraries(hone::pch INTERFACE hone::hone)
  target_precompile_headers(hone::pch INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:<torch/torch.h$<ANGLE-R>>" "$<$<COMPILE_LANGUAGE:CXX>:<hone/hone.hpp$<ANGLE-R>>")
endif()

# SPDX-License-Identifier: Apache-2.0
# Checks the dependencies of modules: reads the #include lines of every header. Checks also that every header has a test.
# Run: cmake -D ROOT=$PWD -P tests/architecture/check.cmake
cmake_minimum_required(VERSION 3.25)

# The modules that each module may include, in addition to itself.
set(may_core "")
set(may_schedule core)
set(may_history core)
set(may_metrics core)
set(may_callbacks core history metrics)
set(may_policies core)
set(may_optim core)
set(may_data core)
set(may_checkpoint core optim)
set(may_finetune core history callbacks optim data)
set(may_exported core policies checkpoint)
set(may_distributed core policies optim)
set(may_precision core policies optim)
set(may_devices core policies data)
set(may_capture core policies optim data)
set(may_memory core policies data)
set(may_step core schedule history metrics callbacks policies optim data checkpoint)
set(may_state core schedule history callbacks policies optim data checkpoint step)
set(may_trainer core schedule history metrics callbacks policies optim data checkpoint step state)
set(may_tune core schedule history callbacks policies optim data checkpoint step state trainer)
set(core_modules core schedule history metrics callbacks)

# Headers without a separate test: their declarations are tested where they are used.
set(no_test_needed core/config.hpp core/fault.hpp core/hana.hpp core/slots.hpp core/version.hpp checkpoint/torch_archive.hpp
    core/typos.hpp core/running_statistics.hpp
    devices/cuda.hpp devices/device_streams.hpp devices/mps.hpp devices/xpu.hpp
    distributed/communicator.hpp distributed/gradient_reducer.hpp distributed/process_group_aware.hpp
    distributed/failure_log.hpp distributed/rendezvous.hpp distributed/network.hpp
    distributed/shard_reducer.hpp distributed/shards.hpp distributed/sharded_optimizer.hpp
    distributed/zero_requirements.hpp capture/batch_shapes.hpp capture/capture_key.hpp
    capture/captured_steps.hpp capture/capture_requirements.hpp capture/step_capture_options.hpp capture/graph_recorder.hpp
    callbacks/run_control.hpp
    step/captured_step.hpp step/device_step.hpp step/dispatch.hpp step/host_step.hpp
    step/merge_across_ranks.hpp step/capturable.hpp step/step_state.hpp step/step_sync.hpp step/update.hpp
    state/resume.hpp state/resume_state.hpp state/sharded_checkpoint.hpp state/window_state.hpp
    trainer/loaders.hpp trainer/predict.hpp trainer/train_loop.hpp trainer/trainer_state.hpp
    memory/autocast_state.hpp memory/block.hpp memory/random_state.hpp policies/splitting.hpp)

set(wrong "")
file(GLOB_RECURSE headers RELATIVE "${ROOT}/include/hone" "${ROOT}/include/hone/*.hpp" "${ROOT}/include/hone/*.ipp")
foreach(header IN LISTS headers)
  file(STRINGS "${ROOT}/include/hone/${header}" includes REGEX "^[ \t]*#[ \t]*include")
  get_filename_component(module "${header}" DIRECTORY)
  if(module AND NOT DEFINED may_${module})
    list(APPEND wrong "${header}: there is no module ${module}. Add it to this list.")
    continue()
  endif()
  foreach(line IN LISTS includes)
    string(REGEX REPLACE "^[^<\"]*[<\"]([^>\"]*).*" "\\1" included "${line}")
    if(included MATCHES "^hone/(.*)")
      get_filename_component(other "${CMAKE_MATCH_1}" DIRECTORY)
      if(NOT EXISTS "${ROOT}/include/${included}")
        list(APPEND wrong "${header} includes ${included}, which does not exist.")
      elseif(included STREQUAL "hone/fwd.hpp" OR header MATCHES "^(hone|distributed).hpp$" OR other STREQUAL module)
        continue()
      elseif(NOT other IN_LIST may_${module})
        list(APPEND wrong "${header} includes ${included}: ${module} may include only itself and [${may_${module}}].")
      endif()
    elseif(module IN_LIST core_modules AND included MATCHES "^(torch|ATen|c10|caffe2)/")
      list(APPEND wrong "${header} includes ${included}: ${module} is a module without LibTorch.")
    elseif(header MATCHES "^(hone|fwd|distributed).hpp$" AND NOT included MATCHES "^hone/")
      list(APPEND wrong "${header} includes ${included}: it may include only headers of modules.")
    endif()
  endforeach()

  if(header MATCHES "[.]ipp$")
    continue()  # tested through its header
  endif()
  if(module AND NOT header IN_LIST no_test_needed)
    string(REGEX REPLACE "hpp$" "cpp" test "${header}")
    if(header MATCHES "^distributed/(mpi|nccl)")
      set(test "distributed/${CMAKE_MATCH_1}/${CMAKE_MATCH_1}.cpp")  # A separate program for all headers of this name.
    elseif(header STREQUAL "capture/cuda_graph_recorder.hpp")
      set(test "cuda/capture.cpp")
    endif()
    if(NOT EXISTS "${ROOT}/tests/${test}")
      list(APPEND wrong "${header} has no test: write tests/${test}.")
    endif()
  endif()
endforeach()

# Each .ipp is compiled into the library, and included by its header in header-only builds.
set(compiled "")
foreach(source IN ITEMS hone distributed)
  file(STRINGS "${ROOT}/src/${source}.cpp" includes REGEX "^#include")
  list(APPEND compiled ${includes})
endforeach()
foreach(source IN LISTS headers)
  if(NOT source MATCHES "[.]ipp$")
    continue()
  endif()
  if(NOT "#include \"hone/${source}\"" IN_LIST compiled)
    list(APPEND wrong "No file in src includes hone/${source}: hone::hone lacks its definitions.")
  endif()
  string(REGEX REPLACE "ipp$" "hpp" header "${source}")
  set(text "")
  if(EXISTS "${ROOT}/include/hone/${header}")
    file(READ "${ROOT}/include/hone/${header}" text)
  endif()
  string(FIND "${text}" "#ifndef HONE_COMPILED_LIB\n#include \"hone/${source}\"\n#endif" place)
  if(place EQUAL -1)
    list(APPEND wrong "${header} does not include hone/${source} under #ifndef HONE_COMPILED_LIB.")
  endif()
endforeach()

if(wrong)
  list(JOIN wrong "\n  " wrong)
  message(FATAL_ERROR "The dependencies of modules are wrong:\n  ${wrong}")
endif()

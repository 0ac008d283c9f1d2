// SPDX-License-Identifier: Apache-2.0
/// The questions that a trainer asks. A policy answers one of them and says which: `using slot = hone::slots::Device;`.
///
/// A slot owns the sentence that a user reads when it was answered twice, so that a new question is one new struct.
#pragma once

namespace hone::slots {

/// Declares a slot: an empty type and its sentence.
#define HONE_SLOT(Slot, question)                                                                      \
  struct Slot {                                                                                        \
    template <class... Answers>                                                                        \
    struct at_most_one {                                                                               \
      static_assert(sizeof...(Answers) <= 1,                                                           \
                    "hone: more than one " question " policy given. Keep one of those in this type."); \
    };                                                                                                 \
  }

// clang-format off: a table
HONE_SLOT(Device, "device");              ///< Where the model and the batches live.                       `Cpu`
HONE_SLOT(Precision, "precision");        ///< The number format of forward and loss.                      `Fp32`
HONE_SLOT(Distribution, "distribution");  ///< The processes that train together.                          `SingleProcess`
HONE_SLOT(Accumulation, "accumulation");  ///< Batches to one optimizer update.                            `GradAccum<1>`
HONE_SLOT(Clipping, "clipping");          ///< What bounds the gradients before an update.                 `NoClip`
HONE_SLOT(Schedule, "schedule");          ///< The learning rate as a function of the update number.       `NoSchedule`
HONE_SLOT(Transfer, "transfer");          ///< How batches travel from the loader to the device.           `Direct`
HONE_SLOT(Execution, "execution");        ///< Whether a step runs as it is written, or was recorded once. `Eager`
HONE_SLOT(MemoryFormat, "memory format"); ///< How the elements of images lie in memory.                   `ContiguousFormat`
HONE_SLOT(Denormals, "denormals");        ///< What becomes of numbers that are nearly zero.               `FlushDenormals`
HONE_SLOT(Threads, "threads");            ///< How many threads an operator uses.                          `AutoThreads`
HONE_SLOT(Gradients, "gradients");        ///< What becomes of gradients when an update has used them.      `SetToNone`
HONE_SLOT(Splitting, "splitting");        ///< Whether a batch is run as a whole.                          `WholeBatches`
HONE_SLOT(Heap, "heap");                  ///< What becomes of memory that is free between two steps.      `SystemHeap`
// clang-format on

#undef HONE_SLOT

}  // namespace hone::slots

// SPDX-License-Identifier: Apache-2.0
/// The slots of a trainer. A policy fills one of them: `using slot = hone::slots::Device;`.
///
/// A slot contains the error message for more than one policy of the slot, so that a new slot is one new struct.
#pragma once

namespace hone::slots {

/// Declares a slot: an empty type with its error message.
#define HONE_SLOT(Slot, question)                                                                  \
  struct Slot {                                                                                    \
    template <class... Answers>                                                                    \
    struct at_most_one {                                                                           \
      static_assert(sizeof...(Answers) <= 1,                                                       \
                    "hone: the trainer has more than one " question " policy. Keep one of them."); \
    };                                                                                             \
  }

// clang-format off: a table
HONE_SLOT(Device, "device");              ///< The device of the model and the batches.        `Cpu`
HONE_SLOT(Precision, "precision");        ///< The number format of forward and loss.          `Fp32`
HONE_SLOT(Distribution, "distribution");  ///< The processes that train together.              `SingleProcess`
HONE_SLOT(Accumulation, "accumulation");  ///< The number of batches per optimizer update.     `GradAccum<1>`
HONE_SLOT(Clipping, "clipping");          ///< The bound on the gradients of an update.        `NoClip`
HONE_SLOT(Schedule, "schedule");          ///< The learning rate as a function of the update.  `NoSchedule`
HONE_SLOT(Transfer, "transfer");          ///< The path of batches from loader to device.      `Direct`
HONE_SLOT(Execution, "execution");        ///< Eager execution or graph replay of a step.      `Eager`
HONE_SLOT(MemoryFormat, "memory format"); ///< The memory format of images.                    `ContiguousFormat`
HONE_SLOT(Denormals, "denormals");        ///< Denormal numbers: flushed to zero or kept.      `FlushDenormals`
HONE_SLOT(Threads, "threads");            ///< The number of threads of an operator.           `AutoThreads`
HONE_SLOT(Gradients, "gradients");        ///< Gradients after an update: freed or zeroed.     `SetToNone`
HONE_SLOT(Splitting, "splitting");        ///< Whole batches or micro-batches.                 `WholeBatches`
HONE_SLOT(Heap, "heap");                  ///< Memory that is free between two steps.          `SystemHeap`
// clang-format on

#undef HONE_SLOT

}  // namespace hone::slots

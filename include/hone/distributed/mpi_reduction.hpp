// SPDX-License-Identifier: Apache-2.0
/// MPI datatypes and operations for the reduction of tensors.
///
/// | elements | sum | max, min | product | mean |
/// |---|---|---|---|---|
/// | float, double | yes | yes | yes | yes |
/// | half, bfloat16 | in float, rounded after each addend | yes | as the sum | yes |
/// | uint8, int8, int16, int32, int64 | yes | yes | yes | no |
/// | bool | or | or, and | and | no |
///
/// MPI lacks half and bfloat16. They are sent as `MPI_UINT16_T` and reduced by custom operations.
#pragma once

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <torch/csrc/distributed/c10d/Types.hpp>

#include "hone/distributed/mpi_library.hpp"

namespace hone::detail {

struct Sum {
  float operator()(float a, float b) const { return a + b; }
};
struct Product {
  float operator()(float a, float b) const { return a * b; }
};
struct Min {
  float operator()(float a, float b) const { return std::min(a, b); }
};
struct Max {
  float operator()(float a, float b) const { return std::max(a, b); }
};

template <class Element, class Reduce>
void reduce_elements(void* addends, void* sums, int* size, MPI_Datatype*) {
  const auto* addend = static_cast<const Element*>(addends);
  auto* sum = static_cast<Element*>(sums);
  for (int i = 0; i < *size; ++i) {
    sum[i] = static_cast<Element>(Reduce{}(static_cast<float>(sum[i]), static_cast<float>(addend[i])));
  }
}

/// Maps scalar types and reductions to MPI datatypes and operations. Owns the custom operations.
class MpiReduction {
 public:
  MpiReduction() {
    const auto turn = MpiLibrary::turn();
    make<c10::Half>(half_);
    make<c10::BFloat16>(bfloat16_);
  }
  MpiReduction(const MpiReduction&) = delete;
  MpiReduction& operator=(const MpiReduction&) = delete;
  ~MpiReduction() {
    if (!MpiLibrary::is_running()) return;
    const auto turn = MpiLibrary::turn();
    for (auto* made : {&half_, &bfloat16_}) {
      for (auto& operation : *made) {
        if (operation != MPI_OP_NULL) MPI_Op_free(&operation);
      }
    }
  }

  /// Returns the MPI datatype. **Errors** `std::invalid_argument` when elements of this type cannot be reduced.
  [[nodiscard]] static MPI_Datatype type(c10::ScalarType element) {
    switch (element) {
      case c10::kFloat:
        return MPI_FLOAT;
      case c10::kDouble:
        return MPI_DOUBLE;
      case c10::kHalf:
      case c10::kBFloat16:
        return MPI_UINT16_T;
      case c10::kInt:
        return MPI_INT32_T;
      case c10::kLong:
        return MPI_INT64_T;
      case c10::kShort:
        return MPI_INT16_T;
      case c10::kChar:
        return MPI_INT8_T;
      case c10::kByte:
      case c10::kBool:
        return MPI_UINT8_T;
      default:
        throw std::invalid_argument(format_message(
            "MPI cannot reduce elements of type {}. Convert the tensor to float or double.", {c10::toString(element)}));
    }
  }

  /// Returns the MPI operation; for a mean, the sum: the caller divides first. **Errors** `std::invalid_argument` when
  /// MPI lacks it.
  [[nodiscard]] MPI_Op operation(c10::ScalarType element, const c10d::ReduceOp& reduction) const {
    using Op = c10d::ReduceOp;
    const auto which = reduction.op_;
    if (which == Op::AVG && !c10::isFloatingType(element)) {
      throw std::invalid_argument(
          format_message("MPI cannot average elements of type {}. Use the sum.", {c10::toString(element)}));
    }
    if (element == c10::kHalf || element == c10::kBFloat16) {
      const auto& made = element == c10::kHalf ? half_ : bfloat16_;
      switch (which) {
        case Op::SUM:
        case Op::AVG:
          return made[0];
        case Op::PRODUCT:
          return made[1];
        case Op::MIN:
          return made[2];
        case Op::MAX:
          return made[3];
        default:
          break;
      }
    }
    const bool is_bool = element == c10::kBool;
    switch (which) {
      case Op::SUM:
      case Op::AVG:
        return is_bool ? MPI_MAX : MPI_SUM;
      case Op::PRODUCT:
        return is_bool ? MPI_MIN : MPI_PROD;
      case Op::MIN:
        return MPI_MIN;
      case Op::MAX:
        return MPI_MAX;
      default:
        throw std::invalid_argument("MPI does not support this reduction. Use sum, mean, product, min or max.");
    }
  }

 private:
  using Operations = std::array<MPI_Op, 4>;
  template <class Element>
  static void make(Operations& operations) {
    make<Element, Sum>(operations[0]);
    make<Element, Product>(operations[1]);
    make<Element, Min>(operations[2]);
    make<Element, Max>(operations[3]);
  }
  template <class Element, class Reduce>
  static void make(MPI_Op& operation) {
    check_mpi(MPI_Op_create(&reduce_elements<Element, Reduce>, /*commutes=*/1, &operation), "MPI_Op_create");
  }

  Operations half_{MPI_OP_NULL, MPI_OP_NULL, MPI_OP_NULL, MPI_OP_NULL};
  Operations bfloat16_{MPI_OP_NULL, MPI_OP_NULL, MPI_OP_NULL, MPI_OP_NULL};
};

}  // namespace hone::detail

// expect: hone: a value of this type cannot be stored in a checkpoint. Give it `void serialize(auto& archive) { archive("name", member); }`, or store something simpler.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A pointer, which is meaningless in another process.
#include "hone/checkpoint/archive.hpp"

struct Own {
#ifdef FIXED
  double value = 0.0;
#else
  double* value = nullptr;
#endif
  void serialize(auto& archive) { archive("value", value); }
};

void save(hone::StateWriter& writer, Own& own) { own.serialize(writer); }

// SPDX-License-Identifier: Apache-2.0
/// Uses hone::plain only.
#include <hone/core/error.hpp>
#include <hone/core/format_message.hpp>
#include <hone/core/version.hpp>

#if __has_include(<torch/torch.h>)
#error "hone::plain brings a path to LibTorch"
#endif

int main() {
  try {
    throw hone::DataError(hone::format_message("hone {}.{}", {HONE_VERSION_MAJOR, HONE_VERSION_MINOR}));
  } catch (const hone::DataError&) {
    return 0;
  }
}

// SPDX-License-Identifier: Apache-2.0
/// Uses functions that hone::hone compiles into a library, without linking it.
#include <hone/core/training_state_path.hpp>
#include <hone/history/write_json.hpp>
#include <sstream>

#ifdef HONE_COMPILED_LIB
#error "hone::header_only asks for a library"
#endif

int main() {
  std::ostringstream out;
  hone::write_json(out, hone::RunHistory());
  return !out.str().empty() && hone::TrainingProgress::in("epoch_1_update_2.pt")->num_updates == 2 ? 0 : 1;
}

// SPDX-License-Identifier: Apache-2.0
/// Reference values, written by reference.py with torch 2.11.0+cu130.
#pragma once

#include <cmath>
#include <vector>

namespace reference {

inline const std::vector<double> bf16_losses{0.7011141777038574, 0.7166945338249207, 0.7983689904212952,
                                             0.7235485911369324, 0.6938400268554688, 0.7302883863449097,
                                             0.7355475425720215, 0.6683310866355896};
inline const std::vector<double> bf16_weights{-0.4914221055805683, 0.14905206207185984, 0.06765179708600044,
                                              -0.8748554587364197};
inline const std::vector<double> fp16_losses{0.7014893889427185, INFINITY,           INFINITY,
                                             0.7009555697441101, 0.6574613451957703, 0.8611980080604553,
                                             0.823758065700531,  0.6589106917381287};
inline const std::vector<double> fp16_weights{-0.6286903247237206, 0.2695954330265522, 0.06771944276988506,
                                              -0.8757309019565582};
inline const std::vector<double> fp16_scales{1024.0, 512.0, 256.0, 256.0, 256.0, 512.0, 512.0, 512.0};
// scale, growth_factor, backoff_factor, growth_interval, _growth_tracker
inline const std::vector<double> fp16_state{512.0, 2.0, 0.5, 3.0, 2.0};

}  // namespace reference

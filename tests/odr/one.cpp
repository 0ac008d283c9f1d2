// SPDX-License-Identifier: Apache-2.0
/// One of two files of a program that include all headers. Both must see the same types and must not define anything
/// twice.
#include <typeinfo>

#include "hone/checkpoint/optimizer_state_dict.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/safetensors.hpp"
#include "hone/checkpoint/state_dict.hpp"
#include "hone/finetune/discriminative.hpp"
#include "hone/finetune/gradual_unfreezing.hpp"
#include "hone/finetune/model_ema.hpp"
#include "hone/finetune/swa.hpp"
#include "hone/finetune/update_bn.hpp"
#include "hone/hone.hpp"

const std::type_info& error_of_the_other_file();

int main() { return typeid(hone::DataError) == error_of_the_other_file() ? 0 : 1; }

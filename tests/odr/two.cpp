// SPDX-License-Identifier: Apache-2.0
/// The other file of the program. It also instantiates trainers explicitly, so that all member functions must compile.
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/loss.h>

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

const std::type_info& error_of_the_other_file() { return typeid(hone::DataError); }

template class hone::Trainer<torch::nn::Linear, torch::nn::MSELoss, hone::Sgd, hone::GradAccum<2>, hone::ClipNorm,
                             hone::CosineLr, hone::Callbacks<hone::ProgressBar, hone::SaveTrainingState>>;
template class hone::Trainer<torch::nn::Linear, torch::nn::MSELoss, hone::Sgd>;
template class hone::CallbackSet<hone::ProgressBar, hone::EarlyStopping>;

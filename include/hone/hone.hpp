// SPDX-License-Identifier: Apache-2.0
/// The front door: every room of hone.
#pragma once

#include "hone/core/version.hpp"
#include "hone/loop/trainer.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"

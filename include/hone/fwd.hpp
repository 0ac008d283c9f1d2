// SPDX-License-Identifier: Apache-2.0
/// The names at the front door, declared only.
#pragma once

namespace hone {

template <class Model, class Loss, class Optimizer, class... Policies>
class Trainer;

template <class Self, class Model, class Loss, class Optimizer, class... Policies>
class TrainingStep;
template <class Self, class Model, class Loss, class Optimizer, class... Policies>
class Runs;
template <class Self, class Model, class Loss, class Optimizer, class... Policies>
class Evaluation;

template <class... Cs>
class CallbackSet;

template <class... Cs>
struct Callbacks;

class Run;
class RunHistory;
struct RunConfig;

}  // namespace hone

// SPDX-License-Identifier: Apache-2.0
/// Forward declarations of the trainer, the callback sets, and public types that are not templates.
#pragma once

namespace hone {

template <class Model, class Loss, class Optimizer, class... Policies>
class Trainer;

template <class... Cs>
class CallbackSet;

template <class... Cs>
struct Callbacks;
template <class... Cs>
struct ReplaceableCallbacks;

class Run;
class RunHistory;
struct RunConfig;

// events
struct Event;
struct InitEnd;
struct TrainingRunStart;
struct TrainEpochStart;
struct TrainStepStart;
struct TrainLoss;
struct BeforeOptimizerStep;
struct OptimizerStep;
struct TrainStepEnd;
struct ResumePoint;
struct TrainEpochEnd;
struct EvalEpochStart;
struct EvalStepStart;
struct EvalStepEnd;
struct EvalEpochEnd;
struct TrainingRunEpochEnd;
struct TrainingRunEnd;
struct EvaluationRunStart;
struct EvaluationRunEnd;
struct PredictRunStart;
struct PredictStepStart;
struct PredictStepEnd;
struct PredictRunEnd;
struct StopTraining;
struct ExceptionThrown;
struct SaveCheckpoint;
struct LoadCheckpoint;

// callbacks
struct EarlyStopping;
struct LimitBatches;
struct LimitEvalBatches;
struct LogMetrics;
struct PrintProgress;
struct ProgressBar;
struct SaveBest;
struct SaveTrainingState;
struct IntermediateEvaluation;
struct StopOnRequest;
struct StopOnSignal;
struct TerminateOnNaN;
struct WsdCheckpoints;

// metrics
struct Accuracy;
struct BinaryAccuracy;
struct TopKAccuracy;
struct Auroc;
struct ConfusionMatrix;
struct Perplexity;

// policies
struct NoClip;
struct ClipNorm;
struct ClipValue;
struct FlushDenormals;
struct KeepDenormals;
struct Cpu;
struct SingleProcess;
struct Eager;
struct SetToNone;
struct KeepGradients;
struct WholeBatches;
struct MicroBatches;
struct SystemHeap;
struct RetainHeap;
struct ContiguousFormat;
struct ChannelsLast;
struct ChannelsLast3d;
struct Fp32;
struct Bf16;
class Fp16;
struct Fp64;
struct PureBf16;
class PureFp16;
class Autocast;
class LossScaler;
struct LossScaling;
struct AutoThreads;
struct Threads;
struct KeepThreads;
struct Direct;

// schedules
struct ConstantLr;
struct CosineLr;
struct CyclicCosineLr;
struct ExponentialLr;
struct InverseSqrtLr;
struct LinearLr;
struct MultiStepLr;
struct OneCycleLr;
struct OneCycleMomentum;
struct PiecewiseLr;
struct PolynomialLr;
struct ReduceOnPlateau;
struct RunLength;
struct NoSchedule;
struct ScheduleState;
struct StepLr;
struct WsdPeriod;
struct WsdLr;

// update rules
struct Adam;
struct AdamW;
struct ParameterState;
struct NamedParameter;
struct StepScaling;
struct Sgd;

// data
struct DefaultCollate;
struct Mnist;
struct DataShard;
struct LoaderOptions;
struct Prefetch;
struct PrefetchToDevice;
struct SequentialSampler;
struct RandomSampler;
struct OptionalShuffle;
struct PyTorchSampler;
struct WeightedRandomSampler;

// checkpoints
class StateWriter;
class StateReader;
struct Tuple;
class Dict;
class Value;

// history
struct Record;
struct NamedRecord;

// options
struct BatchSizeFinderOptions;
struct LearningRateFinderOptions;
struct LearningRateSweep;
struct TrialRunOptions;
struct CheckpointOptions;
struct LoadOptions;
struct EvaluateOptions;
struct TrainOptions;

}  // namespace hone

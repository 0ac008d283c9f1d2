// SPDX-License-Identifier: Apache-2.0
#include "hone/state/training_state.hpp"

#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/finetune/gradual_unfreezing.hpp"
#include "hone/finetune/model_ema.hpp"
#include "hone/finetune/swa.hpp"
#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using tiny::Batch;

/// A model with dropout and buffers.
struct NoisyNetImpl : torch::nn::Module {
  NoisyNetImpl() {
    const torch::NoGradGuard no_gradients;
    double k = 0.0;
    for (auto& parameter : parameters()) {
      k += 1.0;
      parameter.copy_((torch::arange(parameter.numel()) * 0.7 + k).sin().mul_(0.5).reshape(parameter.sizes()));
    }
  }
  torch::Tensor forward(const torch::Tensor& inputs) { return last(dropout(norm(torch::tanh(first(inputs))))); }

  torch::nn::Linear first = register_module("first", torch::nn::Linear(3, 6));
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(6));
  torch::nn::Dropout dropout = register_module("dropout", torch::nn::Dropout(0.3));
  torch::nn::Linear last = register_module("last", torch::nn::Linear(6, 2));
};
TORCH_MODULE(NoisyNet);

/// Stores a copy of the training state at every resume point.
struct KeepStates {
  std::vector<hone::Dict>* states;
  void on_resume_point(const auto& event) { states->push_back(hone::cloned(event.trainer.training_state())); }
};

/// The bytes of all parameters and buffers.
template <class Trainer>
std::string told_by(Trainer& trainer) {
  std::string text;
  for (const auto& [name, value] : hone::state_dict(*trainer.model())) {
    const auto tensor = value.template get<at::Tensor>().contiguous().cpu();
    text.append(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  }
  return text;
}

std::string file_of(const hone::Dict& state) {
  const files::Folder folder;
  hone::write_checkpoint(folder / "state.pt", state);
  return files::read(folder / "state.pt");
}

const hone::TensorDataset<Batch>& train_set() {
  static const auto set = tiny::dataset(22);
  return set;
}

const hone::TensorDataset<Batch>& eval_set() {
  static const auto set = tiny::dataset(8);
  return set;
}

/// Trains to the end, resumes from each resume point with trainers of `make(states)` and data of `data()`, and compares
/// weights, histories and last states.
template <class Make, class Data, class Options>
void require_exact(const Make& make, const Data& data, const Options& options, std::size_t num_states) {
  std::vector<hone::Dict> states;
  auto trainer = make(states);
  auto all = data();
  const auto history = trainer.train(all, eval_set(), options);
  const auto weights = told_by(trainer);
  REQUIRE(states.size() == num_states);
  const auto last = file_of(states.back());

  for (std::size_t i = 0; i < num_states; ++i) {
    INFO("resume point " << i);
    std::vector<hone::Dict> later;
    auto resumed = make(later);
    auto again = data();
    torch::manual_seed(1234 + static_cast<std::uint64_t>(i));
    const auto resumed_history = resumed.resume(states[i], again, eval_set(), options);
    CHECK(told_by(resumed) == weights);
    CHECK((resumed_history == history));
    CHECK(resumed.run().num_updates() == trainer.run().num_updates());
    REQUIRE(later.size() == num_states - 1 - i);
    if (!later.empty()) CHECK(file_of(later.back()) == last);  // the complete state
  }
}

auto options() { return hone::TrainOptions{.num_epochs = 3, .per_device_batch_size = 4, .seed = 7}; }

/// The same options for a range of batches.
auto options_of_batches() {
  auto result = options();
  result.per_device_batch_size.reset();
  result.eval_per_device_batch_size = 4;
  return result;
}

struct Adds {
  std::int64_t* seen;
  void on_save_checkpoint(const auto& event) { event.state.set("mine", 17); }
  void on_load_checkpoint(const auto& event) { *seen = event.state.template get<std::int64_t>("mine"); }
};

struct TooEarly {
  void on_train_step_end(const auto& event) { static_cast<void>(event.trainer.training_state()); }
};

/// A model that is not a module. In training, its offset becomes a running mean of the inputs.
struct Line {
  torch::Tensor slope = torch::ones({1}, torch::requires_grad());
  double offset = 0.0;
  torch::Tensor forward(const torch::Tensor& x) {
    if (torch::GradMode::is_enabled()) offset = 0.9 * offset + 0.1 * x.mean().item<double>();
    return x * slope + offset;
  }
  [[nodiscard]] hone::NamedParameters named_parameters() const { return {{"slope", slope}}; }
  void serialize(auto& archive) {
    archive("offset", offset);
    torch::Tensor value = slope.detach();
    archive("slope", value);
    const torch::NoGradGuard no_gradients;
    if (archive.is_loading) slope.copy_(value);
  }
};

struct Counts {
  std::int64_t steps = 0;
  void optimizer_step(auto& trainer) {
    ++steps;
    trainer.optimizer_step();
  }
  void serialize(auto& archive) { archive("steps", steps); }
};

TEST_CASE("a stop request that min_num_epochs defers is also deferred in a resumed run") {
  std::vector<hone::Dict> states, ignored;
  const auto trained = [](std::vector<hone::Dict>* kept, const hone::Dict* from) {
    auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1},
                                 hone::on<hone::TrainEpochEnd>([](const auto& event) {
                                   if (event.run.epoch() == 2) event.run.request_stop("enough");
                                 }),
                                 KeepStates{kept}};
    const auto history = from == nullptr
                             ? trainer.train(tiny::batches(2), {.num_epochs = 10, .min_num_epochs = 5})
                             : trainer.resume(*from, tiny::batches(2), {.num_epochs = 10, .min_num_epochs = 5});
    CHECK(trainer.run().num_epochs() == 5);
    CHECK(history.stop_reason() == "enough");
  };
  trained(&states, nullptr);
  for (const auto& state : std::vector<hone::Dict>(states)) {
    if (hone::Run run; true) {
      hone::StateReader reader(state.at("training_state"));
      reader("run", run);
      if (run.num_epochs() == 5) continue;  // the stop takes effect there, and a resumed run continues
    }
    trained(&ignored, &state);
  }
}

}  // namespace

TEST_CASE("a run resumes exactly from every batch") {
  const auto make = [](std::vector<hone::Dict>& states) {
    return hone::Trainer{NoisyNet(),
                         torch::nn::CrossEntropyLoss{},
                         hone::AdamW{.lr = 0.01},
                         hone::GradAccum<3>{},
                         hone::ClipNorm{.max_norm = 1.0},
                         hone::CosineLr{},
                         hone::EarlyStopping{.patience = 50},
                         hone::Metrics{hone::Accuracy{}, hone::Auroc{}}.in_training(),
                         hone::every<2>(hone::on<hone::TrainStepEnd>([](const auto& event) {
                           event.run.history().record("loss", event.output.loss.template item<double>(),
                                                      hone::Phase::train);
                         })),
                         hone::ModelEma{.decay = 0.9},
                         KeepStates{&states}};
  };
  require_exact(make, [] { return train_set(); }, options(), 3 * (6 + 1));
}

TEST_CASE("a run with an optimizer of torch::optim resumes exactly") {
  const auto make = [](std::vector<hone::Dict>& states) {
    NoisyNet model;
    torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions(0.01).amsgrad(true));
    return hone::Trainer{model, torch::nn::CrossEntropyLoss{}, std::move(optimizer), hone::CosineLr{},
                         KeepStates{&states}};
  };
  require_exact(make, [] { return train_set(); }, options(), 3 * (6 + 1));
}

TEST_CASE("a run whose data uses the global random generator resumes exactly") {
  const auto make = [](std::vector<hone::Dict>& states) {
    return hone::Trainer{NoisyNet(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1, .momentum = 0.9},
                         KeepStates{&states}};
  };
  SECTION("PyTorchSampler") {
    const auto data = [] { return hone::TensorLoader(train_set(), {.batch_size = 4}, hone::PyTorchSampler{}); };
    require_exact(make, data, options_of_batches(), 3 * (6 + 1));
  }
  SECTION("samples with random noise") {
    struct Noisy {
      std::int64_t size() const { return 10; }
      Batch get(std::int64_t i) const { return {tiny::inputs(10)[i] + torch::randn({3}), tiny::labels(10)[i]}; }
    };
    require_exact(make, [] { return Noisy(); }, options(), 3 * (3 + 1));
  }
  SECTION("an unsized range, with accumulation windows that do not divide its length") {
    struct Stream {
      struct Iterator {
        int left;
        Batch batch;
        Batch& operator*() { return batch; }
        Iterator& operator++() {
          if (--left > 0) batch = made();
          return *this;
        }
        bool operator!=(const Iterator& other) const { return left != other.left; }
        bool operator==(const Iterator& other) const { return left == other.left; }
      };
      static Batch made() { return {torch::randn({4, 3}), torch::randint(2, {4})}; }
      Iterator begin() const { return {5, made()}; }
      Iterator end() const { return {0, {}}; }
    };
    const auto windows = [](std::vector<hone::Dict>& states) {
      return hone::Trainer{NoisyNet(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, hone::GradAccum{2},
                           KeepStates{&states}};
    };
    require_exact(windows, [] { return Stream(); }, options_of_batches(), 3 * (5 + 1));
  }
}

TEST_CASE("a run with GradualUnfreezing, ReduceLrOnPlateau and Swa resumes exactly") {
  const auto make = [](std::vector<hone::Dict>& states) {
    NoisyNet model;
    hone::ModelFreezer freezer{model};
    freezer.freeze();
    return hone::Trainer{model,
                         torch::nn::CrossEntropyLoss{},
                         hone::Sgd{.lr = 0.1, .momentum = 0.9},
                         hone::GradualUnfreezing{freezer, 1, 0.5},
                         hone::ReduceLrOnPlateau{.plateau = hone::ReduceOnPlateau{.patience = 0, .threshold = 10.0}},
                         hone::Swa{.start_epoch = 1},
                         hone::TerminateOnNaN{},
                         hone::every_epochs<2>(hone::Metrics{hone::F1{}}),
                         KeepStates{&states}};
  };
  require_exact(make, [] { return train_set(); }, options(), 3 * (6 + 1));
}

TEST_CASE("max_updates counts updates before and after resuming") {
  const auto make = [](std::vector<hone::Dict>& states) {
    return hone::Trainer{NoisyNet(), torch::nn::CrossEntropyLoss{}, hone::Adam{.lr = 0.01}, KeepStates{&states}};
  };
  auto short_run = options(), long_run = options();
  short_run.max_updates = 8;
  std::vector<hone::Dict> all, states, rest;
  auto whole = make(all);
  const auto history = whole.train(train_set(), eval_set(), long_run);
  auto first = make(states);
  first.train(train_set(), eval_set(), short_run);
  REQUIRE(states.size() == 6 + 1 + 2 + 1);

  SECTION("a state at the limit resumes without the limit like an unlimited run") {
    auto second = make(rest);
    CHECK((second.resume(states[8], train_set(), eval_set(), long_run) == history));
    CHECK(told_by(second) == told_by(whole));
  }
  SECTION("a state at the limit resumes under the same limit without a step, and ends the epoch") {
    auto second = make(rest);
    CHECK((second.resume(states[8], train_set(), eval_set(), short_run) == first.run_history()));
    CHECK(told_by(second) == told_by(first));
  }
  SECTION("a finished run is restored without a step") {
    auto second = make(rest);
    CHECK((second.resume(states[9], train_set(), eval_set(), short_run) == first.run_history()));
    CHECK(told_by(second) == told_by(first));
    CHECK(rest.empty());
  }
}

TEST_CASE("a run that EarlyStopping ended stays ended until its patience is increased") {
  const auto make = [](std::vector<hone::Dict>& states, int patience) {
    return hone::Trainer{NoisyNet(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.0},
                         hone::EarlyStopping{.patience = patience, .min_delta = 100.0}, KeepStates{&states}};
  };
  std::vector<hone::Dict> states, rest;
  auto first = make(states, 1);
  const auto history = first.train(train_set(), eval_set(), options());
  REQUIRE(history.stop_reason());
  REQUIRE(states.size() == 2 * (6 + 1));
  for (const auto& state : states) {
    auto again = make(rest, 1);
    CHECK((again.resume(state, train_set(), eval_set(), options()) == history));
  }
  auto patient = make(rest, 5);
  CHECK_FALSE(patient.resume(states.back(), train_set(), eval_set(), options()).stop_reason());
  CHECK(patient.run_history().current_epoch() == 4);
}

TEST_CASE("a custom loop resumes within an accumulation window") {
  const auto make = [] {
    return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::AdamW{.lr = 0.05}, hone::GradAccum<2>{},
                         hone::ExponentialLr{.gamma = 0.9}};
  };
  auto batches = tiny::batches(7);
  auto whole = make();
  for (auto& batch : batches) whole.step(batch);

  auto first = make(), second = make();
  for (int i = 0; i < 3; ++i) first.step(batches[static_cast<std::size_t>(i)]);
  const files::Folder folder;
  first.save_training_state(folder / "new/folder/state.pt");
  second.load_training_state(folder / "new/folder/state.pt");
  for (int i = 3; i < 7; ++i) second.step(batches[static_cast<std::size_t>(i)]);
  CHECK(told_by(second) == told_by(whole));
  CHECK(second.optimizer().lr() == whole.optimizer().lr());
}

TEST_CASE("a checkpoint restores weights, optimizer and schedule in another trainer") {
  const auto make = [] {
    return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1, .momentum = 0.9},
                         hone::ExponentialLr{.gamma = 0.9}};
  };
  auto batches = tiny::batches(6);
  auto whole = make();
  for (int i = 0; i < 3; ++i) whole.step(batches[static_cast<std::size_t>(i)]);
  const files::Folder folder;
  const auto path = folder / "checkpoint.pt";
  whole.save_checkpoint(path, {.extra = {{"note", "here"}, {"epoch", 3}}});
  for (int i = 3; i < 6; ++i) whole.step(batches[static_cast<std::size_t>(i)]);

  SECTION("everything") {
    auto other = make();
    const auto loaded = other.load_checkpoint(path.string());  // a string is a path, not a value
    CHECK(loaded.get<std::string>("note") == "here");
    CHECK(loaded.at("scheduler_state_dict").at("num_updates").number() == 3);
    other.train(std::vector<Batch>(batches.begin() + 3, batches.end()));
    CHECK(told_by(other) == told_by(whole));
    other.train(std::vector<Batch>(batches.begin() + 3, batches.end()));
    CHECK(other.optimizer().lr() == Approx(0.1 * std::pow(0.9, 3)));  // the next run restarts the schedule
  }
  SECTION("weights only") {
    auto other = make();
    other.load_checkpoint(path, {.load_optimizer = false, .load_scheduler = false});
    CHECK(other.optimizer().state()[0].fields.empty());
    other.step(batches[0]);
    CHECK(other.optimizer().lr() == Approx(0.1 * 0.9));
  }
  SECTION("a checkpoint without optimizer and schedule") {
    const auto bare = whole.checkpoint({.save_optimizer = false, .save_scheduler = false});
    CHECK(bare.size() == 1);
    auto other = make();
    other.load_checkpoint(bare);
    CHECK(told_by(other) == told_by(whole));
  }
  SECTION("a schedule for a trainer without a schedule throws") {
    hone::Trainer other{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1, .momentum = 0.9}};
    const auto before = told_by(other);
    const auto text = files::message([&] { other.load_checkpoint(path); });
    CHECK(text.starts_with(path.string() + ": "));
    CHECK(files::contains(text, ".load_scheduler = false"));
    CHECK(told_by(other) == before);
    other.load_checkpoint(path, {.load_scheduler = false});
  }
  SECTION("another model throws with every difference, and nothing changes") {
    hone::Trainer other{NoisyNet(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}, hone::ExponentialLr{.gamma = 0.9}};
    const auto before = told_by(other);
    const auto text = files::message([&] { other.load_checkpoint(path); });
    CHECK(files::contains(text, "'first.weight' has shape [5, 3], expected [6, 3]"));
    CHECK(files::contains(text, "'norm.weight' is missing"));
    CHECK(files::contains(text, "'second.bias' is not in the model"));
    CHECK(told_by(other) == before);
  }
  SECTION("another optimizer throws, and nothing changes") {
    hone::Trainer other{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::AdamW{}, hone::ExponentialLr{.gamma = 0.9}};
    const auto before = told_by(other);
    CHECK(files::contains(files::message([&] { other.load_checkpoint(path); }),
                          "The optimizer state does not match the optimizer"));
    CHECK(told_by(other) == before);
  }
}

TEST_CASE("on_save_checkpoint can add entries that on_load_checkpoint reads") {
  std::int64_t seen = 0;
  hone::Trainer trainer{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}, Adds{&seen}};
  trainer.load_checkpoint(trainer.checkpoint());
  CHECK(seen == 17);
  seen = 0;
  trainer.load_training_state(trainer.training_state());
  CHECK(seen == 17);
}

TEST_CASE("resume throws if the state cannot be resumed") {
  const files::Folder folder;
  hone::Trainer trainer{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}, hone::GradAccum<2>{}};
  const auto refusal = [&](auto from) {
    return files::message(
        [&] { trainer.resume(std::move(from), tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 4}); });
  };
  SECTION("a checkpoint") {
    trainer.save_checkpoint(folder / "weights.pt");
    CHECK(files::contains(refusal(folder / "weights.pt"), "weights.pt contains no training state"));
  }
  SECTION("an empty folder") {
    CHECK(files::contains(refusal(folder.path), "contains no training state"));
    CHECK_FALSE(hone::latest_training_state(folder.path));
    CHECK(refusal(hone::latest_training_state(folder.path)) == "no error");
  }
  SECTION("a missing file") { CHECK(files::contains(refusal(folder / "none.pt"), "none.pt")); }
  SECTION("less data than before") {
    std::vector<hone::Dict> states;
    hone::Trainer before{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}, hone::GradAccum<2>{},
                         KeepStates{&states}};
    auto unsized = tiny::batches(5) | std::views::filter([](const auto&) { return true; });
    before.train(unsized);
    auto fewer = tiny::batches(2) | std::views::filter([](const auto&) { return true; });
    const auto text = files::message([&] { trainer.resume(states[3], fewer); });
    CHECK(files::contains(text, "after batch 4 of the epoch, but the loader has 2"));
  }
  SECTION("a position beyond the accumulation window") {
    std::vector<hone::Dict> states;
    hone::Trainer before{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}, hone::GradAccum<4>{},
                         KeepStates{&states}};
    before.train(tiny::dataset(16), {.per_device_batch_size = 4});
    CHECK(files::contains(refusal(states[2]),
                          "after batch 3 of an accumulation window, but a window of this trainer has 2 batches"));
  }
  SECTION("a damaged entry") {
    auto state = trainer.training_state();
    auto run = state.get<hone::Dict>("training_state");
    run.set("generators", hone::Dict{{"cpu", torch::zeros(7, torch::kByte)}});
    state.set("training_state", run);
    CHECK(files::contains(refusal(state), "not a state of the generator of cpu"));
    run.set("version", 2);
    state.set("training_state", run);
    CHECK(files::contains(refusal(state), "has version 2"));
  }
  SECTION("training_state within a step") {
    hone::Trainer eager{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}, TooEarly{}};
    CHECK(files::contains(files::message<std::logic_error>([&] { eager.train(tiny::dataset()); }), "on_resume_point"));
    CHECK_NOTHROW(eager.training_state());  // the run is over
  }
}

/// A policy with a count as its state.
template <class Slot>
struct Counted {
  using slot = Slot;
  int count = 0;
  void serialize(auto& archive) { archive("count", count); }
};
struct CountedThreads : Counted<hone::slots::Threads> {
  int threads_for(double, int available) const { return available; }
};
struct CountedHeap : Counted<hone::slots::Heap> {
  static hone::NoScope over_run() { return {}; }
};
struct CountedDenormals : Counted<hone::slots::Denormals> {
  static hone::NoScope over_step() { return {}; }
  static hone::NoScope over_run() { return {}; }
};

TEST_CASE("a training state has the state of policies of any slot") {
  const auto trainer_of = [](int count) {
    return hone::Trainer{tiny::Net(),
                         torch::nn::CrossEntropyLoss{},
                         hone::Sgd{},
                         CountedThreads{{count}},
                         CountedHeap{{count + 1}},
                         CountedDenormals{{count + 2}}};
  };
  auto first = trainer_of(5), second = trainer_of(0);
  second.load_training_state(first.training_state());
  const auto state = second.training_state().at("training_state");
  CHECK(state.at("threads").at("count").number() == 5);
  CHECK(state.at("heap").at("count").number() == 6);
  CHECK(state.at("denormals").at("count").number() == 7);
}

TEST_CASE("a model with `serialize` resumes exactly from every batch, and loads from a checkpoint") {
  static_assert(hone::Serializable<Line>);
  const auto x = torch::arange(12.0).reshape({12, 1}) / 8.0;
  const hone::TensorDataset data{x, 2.0 * x + 1.0};
  const auto make = [](std::vector<hone::Dict>& states) {
    return hone::Trainer{Line(), torch::nn::MSELoss(), hone::Sgd{.lr = 0.1, .momentum = 0.9}, KeepStates{&states}};
  };
  std::vector<hone::Dict> states, later;
  auto whole = make(states);
  whole.train(data, options());
  REQUIRE(states.size() == 3 * (3 + 1));
  CHECK(whole.model().offset > 0.1);
  const auto require_same = [&](Line& line) {
    CHECK(torch::equal(line.slope, whole.model().slope));
    CHECK(line.offset == whole.model().offset);
  };
  for (std::size_t i = 0; i < states.size(); ++i) {
    INFO("resume point " << i);
    later.clear();
    auto resumed = make(later);
    resumed.resume(states[i], data, options());
    CHECK(resumed.run().num_updates() == 9);
    require_same(resumed.model());
    if (!later.empty()) CHECK(file_of(later.back()) == file_of(states.back()));
  }
  auto loaded = make(later);
  loaded.load_checkpoint(hone::cloned(whole.checkpoint()));
  require_same(loaded.model());
}

TEST_CASE("overrides with `serialize` are restored") {
  hone::Trainer first{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}, Counts{}};
  hone::Trainer second{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}, Counts{}};
  first.train(tiny::dataset(), {.per_device_batch_size = 4});
  second.load_training_state(first.training_state());
  CHECK(second.training_state().at("training_state").at("overrides").at("steps").number() == 3);
}

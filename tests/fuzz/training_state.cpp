// SPDX-License-Identifier: Apache-2.0
/// Fuzz test of resuming: a trainer resumes from a valid training state in which entries were replaced, changed, moved
/// or removed, or throws `DataError` or `std::invalid_argument`.
#include <torch/torch.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "hone/finetune/model_ema.hpp"
#include "hone/hone.hpp"
#include "support/models.hpp"

namespace {

using hone::Dict;
using hone::List;
using hone::Value;

struct NetImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& inputs) { return last(dropout(norm(torch::tanh(first(inputs))))); }
  torch::nn::Linear first = register_module("first", torch::nn::Linear(3, 4));
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(4));
  torch::nn::Dropout dropout = register_module("dropout", torch::nn::Dropout(0.3));
  torch::nn::Linear last = register_module("last", torch::nn::Linear(4, 2));
};
TORCH_MODULE(Net);

/// Keeps a training state at every resume point.
struct Keep {
  std::vector<Value>* states;
  void on_resume_point(const auto& event) {
    if (states != nullptr) states->push_back(hone::cloned(event.trainer.training_state()));
  }
};

auto make_trainer(std::vector<Value>* states = nullptr) {
  return hone::Trainer{
      Net(),
      torch::nn::CrossEntropyLoss{},
      hone::AdamW{.lr = 0.02},
      hone::GradAccum<3>{},
      hone::ClipNorm{.max_norm = 1.0},
      hone::WsdLr{.warmup_updates = 1, .decay_phase_ratio = 0.5},
      hone::EarlyStopping{.patience = 50},
      hone::Metrics{hone::Accuracy{}, hone::F1{.average = hone::Average::macro}, hone::ConfusionMatrix{}, hone::Auroc{}}
          .in_training(),
      hone::every<2>(hone::on<hone::TrainStepEnd>([](const auto&) {})),
      hone::ModelEma{.decay = 0.9},
      Keep{states}};
}
auto options() { return hone::TrainOptions{.num_epochs = 2, .per_device_batch_size = 2, .seed = 7, .num_threads = 1}; }

/// The fuzzer's bytes, followed by zeros.
struct Bytes {
  const std::uint8_t* data;
  std::size_t size;

  std::uint8_t byte() {
    if (size == 0) return 0;
    --size;
    return *data++;
  }
  std::size_t below(std::size_t count) { return byte() % count; }
  template <class T>
  T number() {
    T value{};
    std::array<std::uint8_t, sizeof(T)> bytes{};
    for (auto& each : bytes) each = byte();
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
};

std::int64_t integer(Bytes& bytes) {
  constexpr auto least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  constexpr std::array hard{std::int64_t{0},
                            std::int64_t{1},
                            std::int64_t{2},
                            std::int64_t{-1},
                            std::int64_t{1} << 31,
                            (std::int64_t{1} << 53) - 1,
                            std::int64_t{1} << 53,
                            std::int64_t{1} << 60,
                            least,
                            most};
  const auto kind = bytes.below(hard.size() + 2);
  return kind < hard.size()    ? hard[kind]
         : kind == hard.size() ? bytes.number<std::int8_t>()
                               : bytes.number<std::int64_t>();
}

torch::Tensor tensor(Bytes& bytes) {
  constexpr std::array types{torch::kFloat, torch::kDouble, torch::kLong,
                             torch::kByte,  torch::kBool,   torch::kComplexFloat};
  std::vector<std::int64_t> shape(bytes.below(4));
  for (auto& size : shape) size = bytes.byte() % 7;
  auto made = torch::zeros(shape, types[bytes.below(types.size())]);
  if (made.scalar_type() != torch::kBool) made.fill_(bytes.number<std::int8_t>());
  return made;
}

/// Returns a copy with 1 to 9 changed bytes.
torch::Tensor changed(const torch::Tensor& from, Bytes& bytes) {
  auto copy = from.contiguous().clone();
  if (copy.nbytes() == 0 || copy.scalar_type() == torch::kBool) return copy;
  auto* const begin = static_cast<std::uint8_t*>(copy.mutable_data_ptr());
  for (auto count = bytes.below(9) + 1; count > 0; --count)
    begin[bytes.number<std::uint16_t>() % copy.nbytes()] = bytes.byte();
  return copy;
}

/// Returns a part of `value` that the bytes select.
const Value& found(const Value& value, Bytes& bytes) {
  if (value.is<Dict>() && value.get<Dict>().size() > 0) {
    const auto chosen = bytes.below(value.get<Dict>().size() + 1);
    if (chosen == value.get<Dict>().size()) return value;
    return found((value.get<Dict>().begin() + static_cast<std::ptrdiff_t>(chosen))->value, bytes);
  }
  return value;
}

Value replacement(const Value& old, const Value& root, Bytes& bytes) {
  switch (bytes.below(11)) {
    case 0:
      return hone::None();
    case 1:
      return bytes.below(2) == 1;
    case 2:
    case 3:
      return integer(bytes);
    case 4:
      return bytes.number<double>();
    case 5:
      return std::string(bytes.below(9), 'x');
    case 6:
      return tensor(bytes);
    case 7:
      return List(bytes.below(4), Value(integer(bytes)));
    case 8:
      return Dict{};
    case 9:
      return found(root, bytes);
    default:
      return old.is<at::Tensor>() && old.get<at::Tensor>().defined() ? Value(changed(old.get<at::Tensor>(), bytes))
                                                                     : old;
  }
}

/// Returns `value` with one change.
Value mutated(const Value& value, const Value& root, Bytes& bytes) {
  if (value.is<Dict>() && value.get<Dict>().size() > 0) {
    const auto& dict = value.get<Dict>();
    const auto chosen = bytes.below(dict.size() + 1);
    if (chosen == dict.size()) return replacement(value, root, bytes);
    const bool is_removed = bytes.byte() % 16 == 0;
    Dict copy;
    copy.ordered = dict.ordered;
    std::size_t i = 0;
    for (const auto& [key, entry] : dict) {
      const bool is_it = i++ == chosen;
      if (!is_it) copy.set(key, entry);
      if (is_it && !is_removed) copy.set(key, mutated(entry, root, bytes));
    }
    return copy;
  }
  if (value.is<List>() && !value.get<List>().empty()) {
    auto list = value.get<List>();
    const auto chosen = bytes.below(list.size() + 1);
    if (chosen == list.size()) return replacement(value, root, bytes);
    list[chosen] = mutated(list[chosen], root, bytes);
    return list;
  }
  return replacement(value, root, bytes);
}

const std::vector<Value>& sound_states() {
  static const auto all = [] {
    std::vector<Value> states;
    auto trainer = make_trainer(&states);
    trainer.train(tiny::dataset(10), options());
    Value two = states.back();  // as two ranks would save it
    auto run = two.at("training_state").get<Dict>();
    const auto other = hone::diff(states.front().at("training_state"), hone::leaf_hashes(run));
    run.set("rank", 0);
    run.set("other_ranks", hone::List{*other});
    two.get<Dict>().set("training_state", std::move(run));
    states.push_back(std::move(two));
    return states;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes bytes{data, size};
  const auto& states = sound_states();
  Value state = states[bytes.below(states.size())];
  const auto way = bytes.below(3);
  while (bytes.size > 0) {
    // Half of all changes are in the entry that only training states have.
    if (bytes.below(2) == 0 || !state.is<Dict>() || !state.get<Dict>().contains("training_state")) {
      state = mutated(state, state, bytes);
    } else {
      auto run = mutated(state.at("training_state"), state, bytes);
      state.get<Dict>().set("training_state", std::move(run));
    }
  }
  if (!state.is<Dict>()) return 0;
  auto trainer = make_trainer();
  try {
    if (way == 0) {
      trainer.resume(state.get<Dict>(), tiny::dataset(10), tiny::dataset(4), options());
    } else if (way == 1) {
      auto unsized = tiny::batches(5, 2) | std::views::filter([](const auto&) { return true; });
      trainer.resume(state.get<Dict>(), unsized, tiny::dataset(4), {.num_epochs = 2});
    } else {
      trainer.load_training_state(state.get<Dict>());
      static_cast<void>(trainer.training_state());
      auto evaluation = tiny::dataset(4);
      auto run = trainer.resume_run(state.get<Dict>(), evaluation, {.num_batches_per_epoch = 5, .num_epochs = 2});
      for (auto& batch : tiny::batches(4, 2)) {
        if (!run.is_over()) run.step(batch);
      }
      run.end();
    }
  } catch (const hone::DataError&) {
  } catch (const std::invalid_argument&) {
  }
  return 0;
}

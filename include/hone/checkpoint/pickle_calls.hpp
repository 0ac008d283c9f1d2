// SPDX-License-Identifier: Apache-2.0
/// The classes and functions that files of `torch.save` may name, and the values that replace them.
#pragma once

#include <c10/core/Storage.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/checkpoint/pickle_graph.hpp"
#include "hone/checkpoint/tensor_record.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

/// | name in the file | value |
/// | --- | --- |
/// | `OrderedDict`, `Counter` | a `Dict` |
/// | `_rebuild_tensor_v2`, `_rebuild_tensor_v3`, `_rebuild_parameter` | a tensor without `requires_grad` |
/// | `_rebuild_from_type_v2`, `_rebuild_parameter_with_state` | the same tensor without its attributes |
/// | `torch.Size` | a `Tuple` |
/// | `torch.device`, a dtype | its name: "cuda:0", "torch.float16" |
///
/// Resolves the conjugate bit and the negative bit of tensors.
///
/// **Errors** `PickleFault` for any other name, and for arguments that do not fit.
class PickleCalls {
 public:
  using Id = PickleGraph::Id;
  using Storages = std::function<c10::Storage(const std::string& key, std::uint64_t num_bytes)>;

  PickleCalls(PickleGraph& graph, Storages storages) : graph_(graph), storages_(std::move(storages)) {}

  /// Returns the class, function or dtype `name`.
  Id look_up(std::string name) {
    constexpr std::array<std::string_view, 11> callable{"collections.OrderedDict",
                                                        "collections.Counter",
                                                        "torch._utils._rebuild_tensor_v2",
                                                        "torch._utils._rebuild_tensor_v3",
                                                        "torch._utils._rebuild_parameter",
                                                        "torch._utils._rebuild_parameter_with_state",
                                                        "torch._tensor._rebuild_from_type_v2",
                                                        "torch.Tensor",  // an argument of _rebuild_from_type_v2
                                                        "torch.nn.parameter.Parameter",
                                                        "torch.Size",
                                                        "torch.device"};
    const bool is_type = dtype_of(name) != nullptr;
    const bool known = is_type || std::find(callable.begin(), callable.end(), name) != callable.end() ||
                       is_untyped(name) || storage_of(name) != nullptr;
    if (!known) {
      PickleGraph::refuse(format_message(
          "it refers to {}, which is not loaded. Save only tensors, numbers, strings, None, lists, tuples and "
          "dictionaries",
          {name}));
    }
    return graph_.add(PickleGraph::Global{std::move(name), is_type});
  }

  /// Returns the storage described by the tuple `id`: ("storage", class, key, device, number of elements).
  Id storage(Id id) {
    const auto items = graph_.tuple(id);
    if (items.size() != 5 || graph_.value_as<std::string>(items[0]) != "storage")
      PickleGraph::refuse("a storage is expected");
    const auto& name = graph_.node_as<PickleGraph::Global>(items[1], "a storage class").name;
    const auto* type = storage_of(name);
    if (type == nullptr && !is_untyped(name)) PickleGraph::refuse(format_message("{} is not a storage class", {name}));
    const auto& key = graph_.value_as<std::string>(items[2]);
    const auto size = product(graph_.value_as<std::int64_t>(items[4]),
                              type ? static_cast<std::int64_t>(c10::elementSize(type->type)) : 1);
    if (!size) PickleGraph::refuse("the size of a storage is negative or too large");
    auto [found, is_new] = loaded_.try_emplace(key);
    if (is_new) found->second = storages_(key, static_cast<std::uint64_t>(*size));
    if (found->second.nbytes() != static_cast<std::size_t>(*size))
      PickleGraph::refuse(format_message("the storage {} has two sizes", {key}));
    return graph_.add(PickleGraph::StorageRef{found->second, type});
  }

  /// Returns the result of the class or function `callee` for the tuple `id` of arguments.
  Id call(Id callee, Id id) {
    const auto arguments = graph_.tuple(id);
    const auto name = graph_.node_as<PickleGraph::Global>(callee, "a function").name;
    const auto require = [&](bool fits) {
      if (!fits) PickleGraph::refuse(format_message("the arguments of {} are invalid", {name}));
    };
    if (name == "collections.OrderedDict") {
      require(arguments.empty());
      return graph_.add(PickleGraph::Mapping{{}, true});
    }
    if (name == "collections.Counter") {
      require(arguments.size() <= 1);
      return graph_.add(PickleGraph::Mapping{arguments.empty()
                                                 ? PickleGraph::Mapping{}
                                                 : graph_.node_as<PickleGraph::Mapping>(arguments[0], "a dictionary")});
    }
    if (name == "torch.Size") {
      require(arguments.size() == 1);
      return graph_.add(PickleGraph::Sequence{graph_.tuple(arguments[0]), true});
    }
    if (name == "torch._tensor._rebuild_from_type_v2") {
      require(arguments.size() == 4);
      const auto& maker = graph_.node_as<PickleGraph::Global>(arguments[0], "a function").name;
      require(maker.starts_with("torch._utils._rebuild_"));  // limits the recursion to one level
      return call(arguments[0], arguments[2]);
    }
    if (name.starts_with("torch._utils._rebuild_parameter")) {
      require(arguments.size() >= 2);
      return graph_.add(Value(graph_.value_as<at::Tensor>(arguments[0])));
    }
    if (name == "torch.device") {
      require(arguments.size() == 1 || arguments.size() == 2);
      auto device = graph_.value_as<std::string>(arguments[0]);
      if (arguments.size() == 2) device += format_message(":{}", {graph_.value_as<std::int64_t>(arguments[1])});
      return graph_.add(Value(std::move(device)));
    }
    if (name.starts_with("torch._utils._rebuild_tensor_")) {
      const bool named = name.ends_with("3");  // the dtype is a separate argument
      const std::size_t least = named ? 7 : 6;
      require(arguments.size() == least || arguments.size() == least + 1);
      auto made = tensor(arguments, named);
      if (arguments.size() > least && !graph_.is_nothing(arguments[least])) made = resolved(made, arguments[least]);
      return graph_.add(Value(std::move(made)));
    }
    PickleGraph::refuse(format_message("it calls {}, which torch.save does not write", {name}));
  }

 private:
  /// Returns `tensor` with its conjugate bit and negative bit resolved: a copy if one is set.
  at::Tensor resolved(const at::Tensor& tensor, Id id) {
    const auto marks = graph_.node_as<PickleGraph::Mapping>(id, "a dictionary");
    if (tensor.nbytes() > tensor.storage().nbytes()) {
      PickleGraph::refuse("a tensor with the conjugate or negative bit has repeated elements. Save tensor.clone()");
    }
    auto result = tensor;
    for (const auto& [key, is_set] : marks.entries) {
      const auto& mark = graph_.value_as<std::string>(key);
      if (mark != "conj" && mark != "neg") {
        PickleGraph::refuse(format_message("a tensor has the unknown flag '{}'. Save a tensor without it", {mark}));
      }
      if (!graph_.value_as<bool>(is_set)) continue;
      result = mark == "conj" ? result.conj().resolve_conj() : result._neg_view().resolve_neg();
    }
    return result;
  }

  at::Tensor tensor(const std::vector<Id>& arguments, bool named) {
    const auto& source = graph_.node_as<PickleGraph::StorageRef>(arguments[0], "a storage");
    const auto* type =
        named ? dtype_of(graph_.node_as<PickleGraph::Global>(arguments[6], "a dtype").name) : source.type;
    if (type == nullptr) PickleGraph::refuse("a tensor has no dtype");
    const auto sizes = graph_.integers(arguments[2]), strides = graph_.integers(arguments[3]);
    return make_view(source.storage, type->type, graph_.value_as<std::int64_t>(arguments[1]), sizes, strides);
  }

  static const ElementType* dtype_of(std::string_view name) {
    if (!name.starts_with("torch.")) return nullptr;
    return find_element_type([&](const ElementType& entry) { return entry.dtype == name.substr(6); });
  }
  static const ElementType* storage_of(std::string_view name) {
    if (!name.starts_with("torch.") || name.size() == 6) return nullptr;
    return find_element_type([&](const ElementType& entry) { return entry.storage == name.substr(6); });
  }
  static bool is_untyped(std::string_view name) {
    return name == "torch.storage.UntypedStorage" || name == "torch.UntypedStorage";
  }

  PickleGraph& graph_;
  Storages storages_;
  std::map<std::string, c10::Storage> loaded_;
};

}  // namespace hone::detail

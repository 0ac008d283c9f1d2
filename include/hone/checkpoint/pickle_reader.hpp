// SPDX-License-Identifier: Apache-2.0
/// A reader of the pickles that `torch.save` writes, which runs no code.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hone/checkpoint/pickle_calls.hpp"
#include "hone/checkpoint/pickle_graph.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

/// Reads one pickle of protocol 2, whose storages `storages(key, num_bytes)` returns. Ignores attributes of a
/// dictionary (`_metadata`). See `PickleCalls` for classes and functions.
///
/// **Errors** `DataError` whose message lacks the file's name, its subject; the caller prepends it.
/// **Source** The opcodes are documented in CPython's `pickletools`.
class PickleReader {
 public:
  PickleReader(std::span<const std::uint8_t> pickle, PickleCalls::Storages storages, const PickleLimits& limits = {})
      : pickle_(pickle), graph_(limits), calls_(graph_, std::move(storages)) {}
  PickleReader(const PickleReader&) = delete;
  PickleReader& operator=(const PickleReader&) = delete;

  Value read() {
    try {
      while (execute(byte())) {
      }
      return graph_.finished(pop());
    } catch (const PickleFault& fault) {
      throw DataError(format_message("contains a pickle that cannot be read at byte {}: {}.", {place_, fault.what()}));
    }
  }

 private:
  using Id = PickleGraph::Id;
  using Mapping = PickleGraph::Mapping;
  using Sequence = PickleGraph::Sequence;

  std::span<const std::uint8_t> take(std::size_t size) {
    if (pickle_.size() - place_ < size) PickleGraph::refuse("it is truncated");
    place_ += size;
    return pickle_.subspan(place_ - size, size);
  }
  std::uint8_t byte() { return take(1)[0]; }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string text(std::size_t size) {
    const auto bytes = take(size);
    return {bytes.begin(), bytes.end()};
  }
  std::string line() {
    constexpr std::size_t most = 200;
    std::string result;
    for (char c = 0; (c = static_cast<char>(byte())) != '\n'; result += c) {
      if (result.size() == most) PickleGraph::refuse("a name is too long");
    }
    return result;
  }

  void push(Id id) {
    graph_.require_room(stack_.size());
    stack_.push_back(id);
  }
  void push_value(Value value) { push(graph_.add(std::move(value))); }
  void push_sequence(std::vector<Id> items, bool is_tuple) { push(graph_.add(Sequence{std::move(items), is_tuple})); }
  [[nodiscard]] Id top() const {
    if (stack_.size() == (marks_.empty() ? 0 : marks_.back())) PickleGraph::refuse("a value is missing");
    return stack_.back();
  }
  Id pop() {
    const Id id = top();
    stack_.pop_back();
    return id;
  }
  std::vector<Id> pop_to_mark() {
    if (marks_.empty()) PickleGraph::refuse("the beginning of a list is missing");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Id> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<Id> pop_items(std::size_t size) {
    std::vector<Id> items(size);
    for (std::size_t i = size; i-- > 0;) items[i] = pop();
    return items;
  }

  void remember(std::uint32_t slot) {
    graph_.require_room(memo_.size());
    memo_[slot] = top();
  }
  void recall(std::uint32_t slot) {
    const auto found = memo_.find(slot);
    if (found == memo_.end())
      PickleGraph::refuse(format_message("it refers to the memo entry {}, which does not exist", {slot}));
    push(found->second);
  }
  void append(const std::vector<Id>& items) {
    auto& list = graph_.node_as<Sequence>(top(), "a list");
    if (list.is_tuple) PickleGraph::refuse("it appends to a tuple");
    graph_.require_room(list.items.size() + items.size());
    list.items.insert(list.items.end(), items.begin(), items.end());
  }
  void set_items(const std::vector<Id>& items) {
    auto& dict = graph_.node_as<Mapping>(top(), "a dictionary");
    if (items.size() % 2 != 0) PickleGraph::refuse("a key has no value");
    graph_.require_room(dict.entries.size() + items.size() / 2);
    for (std::size_t i = 0; i < items.size(); i += 2) dict.entries.emplace_back(items[i], items[i + 1]);
  }
  void call() {
    const Id arguments = pop(), callee = pop();
    push(calls_.call(callee, arguments));
  }
  void drop_attributes() {
    pop();
    graph_.node_as<Mapping>(top(), "a dictionary, the only value with attributes,");
  }
  void check_protocol(int protocol) {
    if (protocol <= 2) return;
    PickleGraph::refuse(
        format_message("it has protocol {}. Save it with torch.save's default, protocol 2", {protocol}));
  }

  std::int64_t long_integer() {
    const std::size_t size = byte();
    const auto bytes = take(size);
    if (size > sizeof(std::int64_t)) {
      PickleGraph::refuse(format_message("an integer has {} bytes, and the widest is int64", {size}));
    }
    std::uint64_t value = size > 0 && (bytes[size - 1] & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8U | bytes[i];
    return static_cast<std::int64_t>(value);
  }
  double float_number() { return std::bit_cast<double>(__builtin_bswap64(number<std::uint64_t>())); }
  std::string global_name() {
    const auto module = line();
    return module + "." + line();
  }

  // Executes one opcode. Returns false at the end of the pickle.
  bool execute(std::uint8_t opcode) {
    // clang-format off
    switch (opcode) {
      case '.': return false;
      case 0x80: check_protocol(byte()); break;
      case 'N': push_value(None()); break;
      case 0x88: push_value(true); break;
      case 0x89: push_value(false); break;
      case 'K': push_value(byte()); break;
      case 'M': push_value(number<std::uint16_t>()); break;
      case 'J': push_value(number<std::int32_t>()); break;
      case 0x8A: push_value(long_integer()); break;
      case 'G': push_value(float_number()); break;
      case 'X': push_value(text(number<std::uint32_t>())); break;
      case 'U': push_value(text(byte())); break;
      case ')': push_sequence({}, true); break;
      case ']': push_sequence({}, false); break;
      case '}': push(graph_.add(Mapping{{}, false})); break;
      case 0x85: push_sequence(pop_items(1), true); break;
      case 0x86: push_sequence(pop_items(2), true); break;
      case 0x87: push_sequence(pop_items(3), true); break;
      case 't': push_sequence(pop_to_mark(), true); break;
      case '(': graph_.require_room(marks_.size()); marks_.push_back(stack_.size()); break;
      case 'a': append({pop()}); break;
      case 'e': append(pop_to_mark()); break;
      case 's': set_items(pop_items(2)); break;
      case 'u': set_items(pop_to_mark()); break;
      case 'q': remember(byte()); break;
      case 'r': remember(number<std::uint32_t>()); break;
      case 'h': recall(byte()); break;
      case 'j': recall(number<std::uint32_t>()); break;
      case 'c': push(calls_.look_up(global_name())); break;
      case 'Q': push(calls_.storage(pop())); break;
      case 'R': call(); break;
      case 'b': drop_attributes(); break;
      default: PickleGraph::refuse(format_message("the opcode 0x{} is not one that torch.save writes", {zero_filled(opcode, 2, 16)}));
    }
    // clang-format on
    return true;
  }

  std::span<const std::uint8_t> pickle_;
  std::size_t place_ = 0;
  PickleGraph graph_;
  PickleCalls calls_;
  std::vector<Id> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint32_t, Id> memo_;
};

}  // namespace hone::detail

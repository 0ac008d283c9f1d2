// SPDX-License-Identifier: Apache-2.0
/// A writer of the pickles that `torch.load(path, weights_only=True)` reads.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Storage.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/checkpoint/tensor_record.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

/// Returns whether `text` is valid UTF-8, which Python's strings require.
inline bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[i++]);
    const std::size_t more = lead < 0x80                   ? 0
                             : lead >= 0xC2 && lead < 0xE0 ? 1
                             : lead >= 0xE0 && lead < 0xF0 ? 2
                             : lead >= 0xF0 && lead < 0xF5 ? 3
                                                           : 9;
    if (more > text.size() - i) return false;
    for (std::size_t k = 0; k < more; ++k) {
      const auto next = static_cast<std::uint8_t>(text[i++]);
      const std::uint8_t low = k > 0 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
      const std::uint8_t high = k == 0 && lead == 0xF4 ? 0x8F : 0xBF;
      if (next < low || next > high) return false;
    }
  }
  return true;
}

/// Writes a value as a pickle of protocol 2, and collects the storages of its tensors: each once per dtype.
///
/// **Errors** `std::invalid_argument` that names the entry that PyTorch's format cannot store.
class PickleWriter {
 public:
  struct Record {
    c10::Storage storage;
    std::size_t num_bytes;
  };

  explicit PickleWriter(const Value& value) {
    pickle_ = "\x80\x02";
    write(value);
    pickle_ += '.';
  }

  [[nodiscard]] const std::string& pickle() const { return pickle_; }
  /// Returns the storages for the records `data/0`, `data/1` and so on.
  [[nodiscard]] const std::vector<Record>& storages() const { return storages_; }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw std::invalid_argument(format_message("The checkpoint's entry '{}' {}", {joined(path_, "."), what}));
  }

  template <class T>
  void put(T number) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
      pickle_ += static_cast<char>(static_cast<std::uint64_t>(number) >> 8 * i & 0xFFU);
  }

  void write(const Value& value) {
    std::visit([this](const auto& part) { write_part(part); }, value.data());
  }

  void write_part(None) { pickle_ += 'N'; }
  void write_part(bool flag) { pickle_ += flag ? '\x88' : '\x89'; }
  void write_part(std::int64_t number) {
    if (number >= 0 && number <= 0xFF) {
      pickle_ += 'K';
      put(static_cast<std::uint8_t>(number));
    } else if (std::in_range<std::int32_t>(number)) {
      pickle_ += 'J';
      put(static_cast<std::int32_t>(number));
    } else {
      pickle_ += "\x8A\x08";
      put(number);
    }
  }
  void write_part(double number) {
    pickle_ += 'G';
    put(__builtin_bswap64(std::bit_cast<std::uint64_t>(number)));
  }
  void write_part(const std::string& text) {
    if (text.size() > std::numeric_limits<std::uint32_t>::max())
      refuse("is a string of more than 4 GiB. Make it a tensor.");
    if (!is_utf8(text)) refuse("is a string that is not UTF-8. Make it a tensor of bytes.");
    pickle_ += 'X';
    put(static_cast<std::uint32_t>(text.size()));
    pickle_ += text;
  }

  void write_part(const List& list) {
    pickle_ += ']';
    if (list.empty()) return;
    pickle_ += '(';
    write_items(list);
    pickle_ += 'e';
  }
  void write_part(const Tuple& tuple) {
    const auto& items = tuple.items;
    if (items.size() > 3) pickle_ += '(';
    write_items(items);
    pickle_ += items.empty() ? ')' : items.size() > 3 ? 't' : static_cast<char>(0x84 + items.size());
  }
  void write_items(const List& items) {
    for (std::size_t i = 0; i < items.size(); ++i) write_inner(format_message("{}", {i}), items[i]);
  }
  void write_part(const Dict& dict) {
    if (dict.ordered) {
      write_ordered_dict();
    } else {
      pickle_ += '}';
    }
    if (dict.empty()) return;
    pickle_ += '(';
    for (const auto& [key, value] : dict) {
      write(key);
      write_inner(key.is<std::string>() ? key.get<std::string>() : key_text(key), value);
    }
    pickle_ += 'u';
  }
  void write_inner(std::string name, const Value& value) {
    path_.push_back(std::move(name));
    constexpr std::size_t deepest = 100;  // as `PickleLimits::depth` of the reader
    if (path_.size() > deepest)
      refuse(format_message("is nested more than {} levels deep. Reduce the nesting.", {deepest}));
    write(value);
    path_.pop_back();
  }

  void write_part(const at::Tensor& given) {
    if (!given.defined()) refuse("is an undefined tensor. Leave it out.");
    const auto* type = find_element_type([&](const ElementType& entry) { return entry.type == given.scalar_type(); });
    if (type == nullptr || given.layout() != at::kStrided || given.is_nested() || given.is_meta() ||
        !given.has_storage()) {
      refuse(format_message("is a {} tensor, which checkpoints do not support. Convert it to a dense tensor.",
                            {given.toString()}));
    }
    const auto tensor = given.resolve_conj().resolve_neg();
    const bool named = type->storage.empty();  // no storage class: untyped bytes and the dtype's name
    write_global("torch._utils", named ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    pickle_ += "((";
    write_part(std::string("storage"));
    if (named) {
      write_global("torch.storage", "UntypedStorage");
    } else {
      write_global("torch", type->storage);
    }
    const auto item = named ? std::size_t{1} : c10::elementSize(type->type);
    const auto index = index_of(tensor.storage(), item, type->storage);
    write_part(format_message("{}", {index}));
    write_part(std::string("cpu"));
    write_part(static_cast<std::int64_t>(storages_[index].num_bytes / item));
    pickle_ += "tQ";
    write_part(tensor.storage_offset());
    write_sizes(tensor.sizes());
    write_sizes(tensor.strides());
    pickle_ += '\x89';  // requires_grad = False
    write_ordered_dict();
    if (named) write_global("torch", type->dtype);
    pickle_ += "tR";
  }

  // Python uses the dtype with which a record first occurs for all of it, so each dtype needs a separate record.
  std::size_t index_of(const c10::Storage& storage, std::size_t item, std::string_view type) {
    const auto [place, is_new] = indices_.try_emplace({storage.unsafeGetStorageImpl(), type}, storages_.size());
    if (is_new) storages_.push_back({storage, storage.nbytes() / item * item});
    return place->second;
  }
  void write_sizes(at::IntArrayRef sizes) {
    pickle_ += '(';
    for (const auto size : sizes) write_part(size);
    pickle_ += 't';
  }
  void write_ordered_dict() {
    write_global("collections", "OrderedDict");
    pickle_ += ")R";
  }
  // Writes and memoizes a name the first time, and its memo index after that.
  void write_global(std::string_view module, std::string_view name) {
    auto text = format_message("c{}\n{}\n", {module, name});
    const auto [place, is_new] = globals_.try_emplace(text, static_cast<std::uint8_t>(globals_.size()));
    pickle_ += is_new ? text + 'q' : std::string("h");
    put(place->second);
  }

  std::string pickle_;
  std::vector<std::string> path_;
  std::vector<Record> storages_;
  std::map<std::pair<const c10::StorageImpl*, std::string_view>, std::size_t> indices_;
  std::map<std::string, std::uint8_t> globals_;
};

}  // namespace hone::detail

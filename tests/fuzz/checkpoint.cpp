// SPDX-License-Identifier: Apache-2.0
/// Fuzz test of `read_checkpoint`: any bytes give a value or a `DataError`. The bytes are read as a whole file and as
/// the pickle of an otherwise valid file, because random bytes rarely have the right checksum. A value is written and
/// read again.
#include <cstring>

#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/torch_archive.hpp"
#include "input.hpp"

namespace {

struct Text {
  std::string bytes;
  void write(std::span<const std::uint8_t> more) {
    bytes.append(reinterpret_cast<const char*>(more.data()), more.size());
  }
};

void use(const hone::Value& value) {
  if (const auto* tensor = std::get_if<at::Tensor>(&value.data())) {
    constexpr std::int64_t most = 1 << 20;  // with a stride of 0, a few bytes are a large tensor
    if (tensor->numel() <= most) (void)tensor->clone();
  } else if (value.is<hone::List>() || value.is<hone::Tuple>()) {
    for (const auto& item : value.items()) use(item);
  } else if (value.is<hone::Dict>()) {
    for (const auto& [key, item] : value.get<hone::Dict>()) use(item);
  }
}

void read(const std::uint8_t* data, std::size_t size) {
  const InputFile file(data, size);
  try {
    const auto value = hone::read_checkpoint(file.path());
    use(value);
    Text text;
    try {
      hone::detail::write_archive(text, hone::detail::PickleWriter(value));
    } catch (const std::invalid_argument&) {
      return;  // for example, a string that is not UTF-8
    }
    const InputFile again(reinterpret_cast<const std::uint8_t*>(text.bytes.data()), text.bytes.size());
    use(hone::read_checkpoint(again.path()));
  } catch (const hone::DataError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read(data, size);
  Text text;
  hone::detail::ZipWriter<Text> zip(text);
  zip.add("data.pkl", {data, size});
  static const std::string storage(24, '\1');
  for (const auto* key : {"data/0", "data/1", "data/2"}) zip.add(key, hone::detail::bytes_of(storage));
  zip.finish();
  read(reinterpret_cast<const std::uint8_t*>(text.bytes.data()), text.bytes.size());
  return 0;
}

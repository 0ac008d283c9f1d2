// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/checkpoint/mapped_file.hpp"
#include "hone/checkpoint/tensor_record.hpp"
#include "hone/checkpoint/zip_reader.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/exported/package.hpp"

namespace hone {

namespace detail {

HONE_INLINE bool cpu_suffices(std::string_view wanted, std::string_view here) {
  constexpr std::array<std::string_view, 3> levels{"DEFAULT", "AVX2", "AVX512"};
  const auto level = [&](std::string_view name) { return std::find(levels.begin(), levels.end(), name); };
  return wanted == here ||
         (level(wanted) != levels.end() && level(here) != levels.end() && level(wanted) < level(here));
}

HONE_INLINE void require_same_world(const nlohmann::json& description) {
  if (const int format = description.at("format").get<int>(); format != exported_format) {
    throw DataError(
        format_message("is in format {} of exported steps, and this version of hone reads format {}. Export it again.",
                       {format, exported_format}));
  }
  const auto torch = description.at("torch").get<std::string>();
  const auto linked = format_message("{}.{}", {TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR});
  if (!torch.starts_with(linked + ".")) {
    throw DataError(
        format_message("was exported with torch {}, and this program is linked with LibTorch {}. Export it "
                       "with torch {}.",
                       {torch, TORCH_VERSION, linked}));
  }
  const auto machine = description.at("machine").get<std::string>(), cpu = description.at("cpu").get<std::string>();
  if (machine != this_machine) {
    throw DataError(
        format_message("was exported for {}, and this is {}. Export it on such a machine.", {machine, this_machine}));
  }
  if (const auto here = at::get_cpu_capability(); !cpu_suffices(cpu, here)) {
    throw DataError(format_message(
        "was compiled for a CPU with {}, and LibTorch reports {} for this CPU. Export it with --cpu AVX2, or "
        "on such a machine.",
        {cpu, here}));
  }
}

HONE_INLINE at::ScalarType element_type_named(const std::string& name) {
  const auto* type = find_element_type([&](const ElementType& entry) { return entry.dtype == name; });
  if (type == nullptr)
    throw DataError(format_message("has tensors of the unknown type '{}'. Export it again.", {name}));
  return type->type;
}

HONE_INLINE ExportedPart::Names places_in(const nlohmann::json& list, std::size_t count) {
  ExportedPart::Names names;
  for (const auto& entry : list) {
    names.emplace_back(entry.at(0).get<std::string>(), entry.at(1).get<std::size_t>());
    if (names.back().second >= count) throw DataError("refers to a tensor that it does not contain. Export it again.");
  }
  return names;
}

HONE_INLINE ExportedPackage read_exported_in(const ZipReader& zip) {
  constexpr const char* record = "extra/hone/step.json";
  if (!zip.contains(record))
    throw DataError("is not a package of scripts/export_step.py. Export the model with that script.");
  zip.check_all();
  const auto text = zip.record(record);
  const auto description = nlohmann::json::parse(text.begin(), text.end());
  require_same_world(description);

  ExportedPackage package;
  package.has_outputs = description.at("outputs").get<bool>();
  package.min_batch = description.at("min_batch").get<std::int64_t>();
  for (const auto& input : description.at("inputs")) {
    package.inputs.push_back({input.at("name").get<std::string>(),
                              element_type_named(input.at("dtype").get<std::string>()),
                              input.at("shape").get<std::vector<std::int64_t>>()});
  }
  if (package.inputs.size() < 2) throw DataError("has steps without inputs and target. Export it again.");
  for (const auto& entry : description.at("tensors")) {
    auto& tensor = package.tensors.emplace_back();
    tensor.name = entry.at("name").get<std::string>();
    tensor.is_parameter = entry.at("kind") == "parameter";
    tensor.is_trained = entry.contains("gradient");
    tensor.gradient = entry.value("gradient", std::size_t{0});
    tensor.shares_memory = entry.value("copy", false);
    tensor.value = at::empty(entry.at("shape").get<std::vector<std::int64_t>>(),
                             at::TensorOptions().dtype(element_type_named(entry.at("dtype").get<std::string>())));
    const auto bytes = zip.record(format_message("extra/hone/tensors/{}", {package.tensors.size() - 1}));
    if (bytes.size() != tensor.value.nbytes()) {
      throw DataError(format_message("contains {} bytes of '{}', expected {}. Export it again.",
                                     {bytes.size(), tensor.name, tensor.value.nbytes()}));
    }
    if (!bytes.empty()) std::memcpy(tensor.value.mutable_data_ptr(), bytes.data(), bytes.size());
  }
  for (const auto& part : description.at("modules")) {
    package.parts.push_back({part.at("path").get<std::string>(), part.at("type").get<std::string>(),
                             places_in(part.at("parameters"), package.tensors.size()),
                             places_in(part.at("buffers"), package.tensors.size())});
  }
  if (package.parts.empty() || !package.parts.front().path.empty()) throw DataError("has no model. Export it again.");
  return package;
}

}  // namespace detail

HONE_INLINE ExportedPackage read_exported_package(const std::filesystem::path& path) {
  const detail::MappedFile file(path);
  const auto fail = [&](std::string_view what) { throw DataError(format_message("{} {}", {path.string(), what})); };
  const auto bytes = file.bytes();
  if (bytes.size() < 4 || bytes[0] != 'P' || bytes[1] != 'K') {
    fail("is not a package of scripts/export_step.py. Export the model with that script.");
  }
  try {
    return detail::read_exported_in(detail::ZipReader(bytes));
  } catch (const DataError& error) {
    fail(error.what());
  } catch (const nlohmann::json::exception& error) {
    fail(format_message("has an invalid description of its steps ({}). Export it again.", {error.what()}));
  } catch (const c10::Error& error) {
    fail(format_message("has a tensor that cannot be created: {}. Export it again.", {error.what_without_backtrace()}));
  }
  return {};
}

}  // namespace hone

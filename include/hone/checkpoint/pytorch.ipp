// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/util/Exception.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string_view>

#include "hone/checkpoint/atomic_file.hpp"
#include "hone/checkpoint/mapped_file.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/torch_archive.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

HONE_INLINE Value read_checkpoint(const std::filesystem::path& path) {
  const auto file = std::make_shared<detail::MappedFile>(path);
  const auto fail = [&](std::string_view what) { throw DataError(format_message("{} {}", {path.string(), what})); };
  try {
    auto value = detail::read_archive(file);
    file->require_unchanged();
    return value;
  } catch (const DataError& error) {
    fail(error.what());
  } catch (const std::invalid_argument& error) {
    fail(format_message("is damaged. {}", {error.what()}));
  } catch (const c10::Error& error) {
    fail(format_message("is damaged: {}", {error.what_without_backtrace()}));
  }
  return {};
}

HONE_INLINE void write_checkpoint(const std::filesystem::path& path, const Value& value) {
  const detail::PickleWriter contents(value);
  AtomicFile file(path);
  detail::write_archive(file, contents);
  file.commit();
}

}  // namespace hone

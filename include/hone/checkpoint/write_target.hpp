// SPDX-License-Identifier: Apache-2.0
/// Where a path leads when it is written to, and what of an existing file its replacement keeps.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>

namespace hone::detail {

/// What a path leads to.
///
/// | `kind` | when | how it is written |
/// | --- | --- | --- |
/// | `file` | nothing, or a regular file | a temporary file replaces it |
/// | `stream` | a character device (`/dev/null`), a FIFO | straight into it |
/// | `refused` | anything else; `error` and `reason` say why | not at all |
struct WriteTarget {
  enum class Kind { file, stream, refused };

  std::filesystem::path path;  ///< Symbolic links are followed, also those that lead to no file.
  Kind kind = Kind::refused;
  bool exists = false;
  struct stat status{};  ///< Of what exists.
  int error = 0;
  std::string reason;
};

/// True for `/proc/self/fd/1` and its like, which lead to an open file and not to a name.
bool is_open_file_link([[maybe_unused]] const std::filesystem::path& link);

/// Follows `path`; changes nothing.
WriteTarget write_target(const std::filesystem::path& path);

/// Creates `folder` and the folders above it that are missing.
///
/// **Errors** `DataError` with the reason where they are missing still.
void create_folders(const std::filesystem::path& folder);

#if defined(__linux__)
/// Copies the access control list and the attributes of the user from the file `from`; without a list in `from`,
/// removes the one that the folder gave to `to`. What the file system does not support is left out.
void copy_extended_attributes(const char* from, int to);
#endif

/// Gives the open file `to`, which replaces the existing `target`, its owner, group, mode and extended attributes, as
/// far as the process is permitted to. Where the group cannot be kept, the file's group may do what others may.
void keep_attributes(const WriteTarget& target, int to);

}  // namespace hone::detail

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/write_target.ipp"
#endif

// SPDX-License-Identifier: Apache-2.0
/// The target of a write to a path, and the attributes that a new file keeps from the file that it replaces.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>

namespace hone::detail {

/// The target of a path, after following symbolic links.
///
/// | `kind` | target | how it is written |
/// | --- | --- | --- |
/// | `file` | nothing, or a regular file that may be written | a temporary file replaces it |
/// | `stream` | a character device (`/dev/null`), a FIFO | directly |
/// | `refused` | anything else; `error` and `reason` explain it | not at all |
struct WriteTarget {
  enum class Kind { file, stream, refused };

  std::filesystem::path path;  ///< With symbolic links followed, also dangling ones.
  Kind kind = Kind::refused;
  bool exists = false;
  struct stat status{};  ///< Valid if `exists`.
  int error = 0;
  std::string reason;
};

/// True for a link in procfs, such as `/proc/self/fd/1`, which refers to an open file, not to a name. Linux only.
bool is_open_file_link([[maybe_unused]] const std::filesystem::path& link);

/// Resolves `path`; changes nothing.
WriteTarget write_target(const std::filesystem::path& path);

/// Creates the directory `folder` and its missing parents.
///
/// **Errors** `DataError` with the reason if nothing of that name exists afterwards.
void create_folders(const std::filesystem::path& folder);

#if defined(__linux__)
/// Copies the access control list and the `user.` attributes of the file `from` to the open file `to`. If `from` has no
/// list, removes the list that `to` inherited from its directory. Ignores errors, such as of unsupported attributes.
void copy_extended_attributes(const char* from, int to);
#endif

/// Copies owner, group, mode and extended attributes of the existing `target` to the open file `to`, which replaces it,
/// as far as the process is permitted to. If owner or group cannot be set, clears setuid, setgid and the sticky bit. If
/// the group cannot be set, clears the group permissions that others lack.
void keep_attributes(const WriteTarget& target, int to);

}  // namespace hone::detail

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/write_target.ipp"
#endif

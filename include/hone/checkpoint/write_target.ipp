// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "hone/checkpoint/write_target.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

HONE_INLINE bool is_open_file_link([[maybe_unused]] const std::filesystem::path& link) {
#if defined(__linux__)
  constexpr auto proc = 0x9fa0;
  struct statfs system{};
  return ::statfs(link.parent_path().c_str(), &system) == 0 && system.f_type == proc;
#else
  return false;
#endif
}

HONE_INLINE WriteTarget write_target(const std::filesystem::path& path) {
  WriteTarget target{.path = path, .reason = {}};
  const auto refused = [&](int error, const std::string& reason = {}) {
    target.error = error;
    target.reason = reason.empty() ? std::generic_category().message(error) : reason;
    return target;
  };
  if (path.empty()) return refused(EISDIR, "the path is empty");
  target.exists = ::stat(path.c_str(), &target.status) == 0;
  if (!target.exists && errno != ENOENT) return refused(errno);
  const auto mode = target.exists ? target.status.st_mode : mode_t{S_IFREG};
  if (S_ISDIR(mode)) return refused(EISDIR, "it is a directory");
  if (S_ISSOCK(mode)) return refused(EISDIR, "it is a socket");
  if (S_ISBLK(mode)) return refused(EISDIR, "it is a block device");
  if (!S_ISREG(mode)) {
    target.kind = WriteTarget::Kind::stream;
    return target;
  }
  constexpr int most_links = 40;  // the limit of Linux
  struct stat link{};
  for (int i = 0; ::lstat(target.path.c_str(), &link) == 0 && S_ISLNK(link.st_mode); ++i) {
    std::error_code error;
    const auto next = std::filesystem::read_symlink(target.path, error);
    if (error || i == most_links) return refused(error ? error.value() : ELOOP);
    if (is_open_file_link(target.path))
      return refused(EISDIR, "it is a link to an open file descriptor, not to a path");
    target.path = next.is_absolute() ? next : target.path.parent_path() / next;
  }
  if (!target.path.has_filename()) return refused(EISDIR, "it is a directory");
  // A write-protected file is not replaced, even if the permissions of its directory allow it.
  if (target.exists && ::faccessat(AT_FDCWD, target.path.c_str(), W_OK, AT_EACCESS) != 0) return refused(errno);
  target.kind = WriteTarget::Kind::file;
  return target;
}

HONE_INLINE void create_folders(const std::filesystem::path& folder) {
  std::error_code error, unknown;
  if (folder.empty() || std::filesystem::create_directories(folder, error) || !error) return;
  if (std::filesystem::exists(folder, unknown)) return;  // a file of that name: the write reports the error
  throw DataError(format_message("The directory {} cannot be created: {}. Choose a writable directory.",
                                 {folder.string(), error.message()}));
}

HONE_INLINE void copy_extended_attributes(const char* from, int to) {
  constexpr std::string_view access_list = "system.posix_acl_access";
  std::string names(std::size_t{1} << 16U, '\0'), value(std::size_t{1} << 16U, '\0');
  const auto num_bytes = ::listxattr(from, names.data(), names.size());
  bool has_access_list = false;
  for (std::size_t at = 0; num_bytes > 0 && at < static_cast<std::size_t>(num_bytes);) {
    const std::string_view name(names.c_str() + at);
    at += name.size() + 1;
    if (name != access_list && !name.starts_with("user.")) continue;
    has_access_list = has_access_list || name == access_list;
    const auto size = ::getxattr(from, name.data(), value.data(), value.size());
    if (size >= 0) ::fsetxattr(to, name.data(), value.data(), static_cast<std::size_t>(size), 0);
  }
  if (!has_access_list) ::fremovexattr(to, access_list.data());
}

HONE_INLINE void keep_attributes(const WriteTarget& target, int to) {
  auto mode = target.status.st_mode & mode_t{07777};
  const auto same_owner = static_cast<uid_t>(-1);
  // `fchown` clears bits of the mode, so the mode is set last.
  if (::fchown(to, target.status.st_uid, target.status.st_gid) != 0) {
    const bool group_kept = ::fchown(to, same_owner, target.status.st_gid) == 0;
    struct stat own{};
    mode &= mode_t{0777};
    if (!group_kept && !(::fstat(to, &own) == 0 && own.st_gid == target.status.st_gid)) {
      mode = (mode & ~mode_t{0070}) | (mode & (mode & mode_t{0007}) << 3U);
    }
  }
#if defined(__linux__)
  copy_extended_attributes(target.path.c_str(), to);
#endif
  static_cast<void>(::fchmod(to, mode));  // some file systems do not support modes
}

}  // namespace hone::detail

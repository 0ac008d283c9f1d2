// SPDX-License-Identifier: Apache-2.0
/// Wrappers of system calls that fail on request. They take precedence over the C library.
#include "fail_writes.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdio>

namespace {

struct Plan {
  bool is_counting = false;
  int nth = 0, error = 0, count = 0;
  const char* failed = nullptr;
};
thread_local Plan plan;

/// Returns whether this call must fail, and sets `errno` if it must.
bool fails(const char* name) {
  if (!plan.is_counting || ++plan.count != plan.nth) return false;
  plan.failed = name;
  errno = plan.error;
  return true;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool counts(int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_DIRECTORY)) != 0; }

}  // namespace

extern "C" {

void fail_nth_call(int nth, int error) { plan = {true, nth, error, 0, nullptr}; }
int stop_failing() {
  plan.is_counting = false;
  return plan.count;
}
const char* failed_call() { return plan.failed; }

ssize_t write(int file, const void* bytes, std::size_t size) {
  static auto* const next = real<ssize_t(int, const void*, std::size_t)>("write");
  if (!fails("write")) return next(file, bytes, size);
  if (plan.error != faults::short_write) return -1;
  return next(file, bytes, size > 1 ? size / 2 : size);
}
int fsync(int file) {
  static auto* const next = real<int(int)>("fsync");
  return fails("fsync") && plan.error != faults::short_write ? -1 : next(file);
}
int rename(const char* from, const char* to) {
  static auto* const next = real<int(const char*, const char*)>("rename");
  return fails("rename") && plan.error != faults::short_write ? -1 : next(from, to);
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  static auto* const next = real<int(int, const char*, int, const char*)>("renameat");
  return fails("rename") && plan.error != faults::short_write ? -1 : next(from_folder, from, to_folder, to);
}
// Closes the file even if it returns an error, as Linux does.
int close(int file) {
  static auto* const next = real<int(int)>("close");
  const bool fail = fails("close") && plan.error != faults::short_write;
  const int error = errno;
  const int result = next(file);
  errno = error;
  return fail ? -1 : result;
}
int open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : mode_t{0};
  va_end(arguments);
  static auto* const next = real<int(const char*, int, ...)>("open");
  return counts(flags) && fails("open") && plan.error != faults::short_write ? -1 : next(path, flags, mode);
}
int openat(int folder, const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : mode_t{0};
  va_end(arguments);
  static auto* const next = real<int(int, const char*, int, ...)>("openat");
  return counts(flags) && fails("open") && plan.error != faults::short_write ? -1 : next(folder, path, flags, mode);
}

}  // extern "C"

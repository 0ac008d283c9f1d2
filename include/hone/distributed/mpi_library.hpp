// SPDX-License-Identifier: Apache-2.0
/// MPI's C interface: its errors as exceptions, who starts and ends it, and communicators that free themselves.
#pragma once

// The C interface alone: MPI's own C++ classes are gone since MPI 3, and where they are left they need one more
// library.
#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

namespace detail {

/// MPI's own words for a code that a call returned.
[[nodiscard]] inline std::string mpi_error(int code) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) return "error " + std::to_string(code);
  return {text, static_cast<std::size_t>(length)};
}
/// **Errors** `DistributedError` with MPI's words when `code` is not that of success.
inline void check_mpi(int code, const char* call) {
  if (code != MPI_SUCCESS) throw DistributedError(sentence("{} failed: {}.", {call, mpi_error(code)}));
}

/// So many bytes, of which the next ones lie `stride` bytes further.
class MpiStridedBytes {
 public:
  MpiStridedBytes(int count, std::int64_t stride) {
    check_mpi(MPI_Type_contiguous(count, MPI_BYTE, &bytes_), "MPI_Type_contiguous");
    check_mpi(MPI_Type_create_resized(bytes_, 0, static_cast<MPI_Aint>(stride), &type_), "MPI_Type_create_resized");
    check_mpi(MPI_Type_commit(&type_), "MPI_Type_commit");
  }
  MpiStridedBytes(const MpiStridedBytes&) = delete;
  MpiStridedBytes& operator=(const MpiStridedBytes&) = delete;
  ~MpiStridedBytes() {
    MPI_Type_free(&bytes_);
    MPI_Type_free(&type_);
  }
  [[nodiscard]] MPI_Datatype type() const { return type_; }

 private:
  MPI_Datatype bytes_ = MPI_DATATYPE_NULL, type_ = MPI_DATATYPE_NULL;
};

/// While it lives, an error on MPI_COMM_WORLD comes back as a code. Open MPI reports there what goes wrong with a
/// collective under way, whatever the handler of its communicator is, and ends the program by default. Other MPIs need
/// nothing.
class WorldReturnsErrors {
 public:
#ifdef OPEN_MPI
  WorldReturnsErrors() {
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &outer_);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  }
  ~WorldReturnsErrors() {
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, outer_);
    MPI_Errhandler_free(&outer_);
  }
#else
  WorldReturnsErrors() {}
#endif
  WorldReturnsErrors(const WorldReturnsErrors&) = delete;
  WorldReturnsErrors& operator=(const WorldReturnsErrors&) = delete;

#ifdef OPEN_MPI
 private:
  MPI_Errhandler outer_ = MPI_ERRHANDLER_NULL;
#endif
};

}  // namespace detail

/// MPI in this process, which can be started and ended only once.
///
/// Whoever starts MPI ends it. The host program's MPI is never ended here; what was started here is ended when the
/// process exits, or by `end`.
class MpiLibrary {
 public:
  /// MPI has been started and not yet ended. May be asked at any time.
  [[nodiscard]] static bool is_running() {
    int started = 0;
    int ended = 0;
    MPI_Initialized(&started);
    if (started != 0) MPI_Finalized(&ended);
    return started != 0 && ended == 0;
  }

  /// Starts MPI unless it runs already.
  ///
  /// **Errors** `DistributedError` when MPI was ended before, or when it was started for one thread only.
  static void start() {
    int ended = 0;
    MPI_Finalized(&ended);
    if (ended != 0) {
      throw DistributedError(
          "MPI has been finalized, and a process cannot start it twice. Make the group before that.");
    }
    int level = MPI_THREAD_SINGLE;
    if (is_running()) {
      MPI_Query_thread(&level);
      if (level < MPI_THREAD_SERIALIZED) {
        throw DistributedError(
            sentence("This program started MPI with {}, and hone calls MPI from a thread of its own. Start it with "
                     "MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided), or leave starting it to hone.",
                     {level == MPI_THREAD_FUNNELED ? "MPI_THREAD_FUNNELED" : "MPI_THREAD_SINGLE (as MPI_Init does)"}));
      }
      return;
    }
    detail::check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &level), "MPI_Init_thread");
    started_here_ = true;
    std::atexit([] { end(); });
    if (level < MPI_THREAD_SERIALIZED) {
      throw DistributedError(
          "This MPI cannot be called from a thread other than main (it has no MPI_THREAD_SERIALIZED).");
    }
  }

  /// Ends MPI if it was started here, runs, and no group failed: with processes that are gone, ending it would hang.
  static void end() {
    const auto own = turn();
    if (started_here_ && !failed_ && is_running()) MPI_Finalize();
  }
  /// A group is broken: MPI is left as it is.
  static void set_failed() { failed_ = true; }

  /// Groups call MPI one at a time, so that MPI_THREAD_SERIALIZED is enough for several.
  [[nodiscard]] static std::unique_lock<std::mutex> turn() {
    static std::mutex mutex;
    return std::unique_lock(mutex);
  }

 private:
  static inline bool started_here_ = false;
  static inline std::atomic<bool> failed_ = false;
};

/// A duplicate of a communicator, whose messages never meet the original's, and whose errors come back as codes.
class MpiCommunicator {
 public:
  /// Collective over `original`. **Errors** `DistributedError`.
  explicit MpiCommunicator(MPI_Comm original) {
    const auto turn = MpiLibrary::turn();
    if (original == MPI_COMM_NULL)
      throw DistributedError("The communicator is MPI_COMM_NULL. Give one with this process.");
    detail::check_mpi(MPI_Comm_dup(original, &handle_), "MPI_Comm_dup");
    detail::check_mpi(MPI_Comm_set_errhandler(handle_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    detail::check_mpi(MPI_Comm_rank(handle_, &rank_), "MPI_Comm_rank");
    detail::check_mpi(MPI_Comm_size(handle_, &size_), "MPI_Comm_size");
  }
  MpiCommunicator(MpiCommunicator&& other) noexcept
      : handle_(std::exchange(other.handle_, MPI_COMM_NULL)), rank_(other.rank_), size_(other.size_) {}
  MpiCommunicator& operator=(MpiCommunicator&&) = delete;
  ~MpiCommunicator() {
    if (handle_ == MPI_COMM_NULL || !MpiLibrary::is_running()) return;
    const auto turn = MpiLibrary::turn();
    MPI_Comm_free(&handle_);
  }

  [[nodiscard]] MPI_Comm handle() const { return handle_; }
  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  /// Never frees it: something is still under way on it.
  void abandon() { handle_ = MPI_COMM_NULL; }

 private:
  MPI_Comm handle_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace hone

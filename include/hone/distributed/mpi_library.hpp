// SPDX-License-Identifier: Apache-2.0
/// RAII wrappers of MPI's C interface: initialization, communicators and datatypes, with errors as exceptions.
#pragma once

// Only the C interface: MPI 3 removed the C++ bindings, and implementations that still have them need another library.
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
#include "hone/core/format_message.hpp"

namespace hone {

namespace detail {

/// Returns MPI's message for an error code.
[[nodiscard]] inline std::string mpi_error(int code) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) return "error " + std::to_string(code);
  return {text, static_cast<std::size_t>(length)};
}
/// Throws a `DistributedError` with MPI's message unless `code` is `MPI_SUCCESS`.
inline void check_mpi(int code, const char* call) {
  if (code != MPI_SUCCESS) throw DistributedError(format_message("{} failed: {}.", {call, mpi_error(code)}));
}

/// An MPI datatype of `count` contiguous bytes, with an extent of `stride` bytes.
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

/// RAII: while it lives, MPI calls return errors on MPI_COMM_WORLD as codes. Open MPI reports an error of a pending
/// collective there, whatever the error handler of its communicator is, and aborts the program by default. With other
/// MPI implementations, this is a no-op.
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

/// The initialization and finalization of MPI, each of which a process can do only once.
///
/// If the program initializes MPI, hone does not finalize it. If hone initializes MPI, it finalizes it when the process
/// exits, or in `end`.
class MpiLibrary {
 public:
  /// Returns whether MPI is initialized and not finalized. May be called at any time.
  [[nodiscard]] static bool is_running() {
    int started = 0;
    int ended = 0;
    MPI_Initialized(&started);
    if (started != 0) MPI_Finalized(&ended);
    return started != 0 && ended == 0;
  }

  /// Initializes MPI unless it is running.
  ///
  /// **Errors** `DistributedError` when MPI has been finalized, or has a thread level below `MPI_THREAD_SERIALIZED`.
  static void start() {
    int ended = 0;
    MPI_Finalized(&ended);
    if (ended != 0) {
      throw DistributedError(
          "MPI is finalized, and a process cannot initialize it again. Create the process group before MPI_Finalize.");
    }
    int level = MPI_THREAD_SINGLE;
    if (is_running()) {
      MPI_Query_thread(&level);
      if (level < MPI_THREAD_SERIALIZED) {
        throw DistributedError(format_message(
            "This program initialized MPI with {}, and hone calls MPI from a separate thread. Initialize it with "
            "MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided), or let hone initialize it.",
            {level == MPI_THREAD_FUNNELED ? "MPI_THREAD_FUNNELED" : "MPI_THREAD_SINGLE (as MPI_Init does)"}));
      }
      return;
    }
    detail::check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &level), "MPI_Init_thread");
    started_here_ = true;
    std::atexit([] { end(); });
    if (level < MPI_THREAD_SERIALIZED) {
      throw DistributedError("This MPI library does not support MPI_THREAD_SERIALIZED. Use one that does.");
    }
  }

  /// Finalizes MPI if hone initialized it, it is running, and no group has failed. With a failed rank, it would
  /// deadlock.
  static void end() {
    const auto own = turn();
    if (started_here_ && !failed_ && is_running()) MPI_Finalize();
  }
  /// Records that a group is broken: `end` does not finalize MPI.
  static void set_failed() { failed_ = true; }

  /// Returns a lock on MPI. Groups call MPI one at a time, so that MPI_THREAD_SERIALIZED is sufficient for several
  /// groups.
  [[nodiscard]] static std::unique_lock<std::mutex> turn() {
    static std::mutex mutex;
    return std::unique_lock(mutex);
  }

 private:
  static inline bool started_here_ = false;
  static inline std::atomic<bool> failed_ = false;
};

/// A duplicate of a communicator, with separate messages. Calls return its errors as codes.
class MpiCommunicator {
 public:
  /// Duplicates `original`. Collective. **Errors** `DistributedError`.
  explicit MpiCommunicator(MPI_Comm original) {
    const auto turn = MpiLibrary::turn();
    if (original == MPI_COMM_NULL)
      throw DistributedError("The communicator is MPI_COMM_NULL. Pass a communicator that contains this process.");
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

  [[nodiscard]] MPI_Comm handle() const { return handle_; }  ///< Returns the MPI handle.
  [[nodiscard]] int rank() const { return rank_; }           ///< Returns the rank of this process in the communicator.
  [[nodiscard]] int size() const { return size_; }
  /// Leaves the communicator allocated, because operations on it are still pending.
  void abandon() { handle_ = MPI_COMM_NULL; }

 private:
  MPI_Comm handle_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace hone

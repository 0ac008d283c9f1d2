// SPDX-License-Identifier: Apache-2.0
/// A communicator over MPI, for all processes that MPI started or a part of them.
///
/// Use it in programs that already use MPI, and on machines where `mpirun` or `srun` starts the processes. Link
/// `hone::mpi` in addition to `hone::hone`.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/distributed/communicator.hpp"
#include "hone/distributed/mpi_backend.hpp"
#include "hone/distributed/mpi_library.hpp"
#include "hone/distributed/process_group.hpp"

namespace hone {

/// A group of the processes of an `MPI_Comm`. Construction forms the group and is collective. For a part of the
/// processes, pass a communicator of `MPI_Comm_split`. CPU tensors are sent without a copy if they are contiguous; GPU
/// tensors are sent through host memory.
///
/// If MPI is not running, hone initializes it, and finalizes it when the program exits or the last group is shut down.
/// A program that initializes MPI must finalize it too. It must request `MPI_THREAD_SERIALIZED`, because a thread of
/// the group calls MPI while collectives are pending, or `MPI_THREAD_MULTIPLE` if it calls MPI itself meanwhile (for
/// example in a callback). A group may outlive MPI, but its collectives then fail.
///
/// **Units** timeout: of one collective, and of the rendezvous after `MPI_Init`.
/// **Errors** on construction: `std::invalid_argument` for a timeout below 1 ms. `DistributedError` when MPI has a
/// thread level below `MPI_THREAD_SERIALIZED` or has been finalized, when a process of the communicator does not form the
/// group, and when rank 0's store is not reachable. When a rank fails, its peers notice within half a second. Only
/// MPI detects a killed process.
/// **Example** `hone::Trainer{model, loss, hone::Sgd{.lr = 0.1}, hone::Ddp{hone::Mpi{}}}`
struct Mpi {
  const MPI_Comm communicator = MPI_COMM_WORLD;  ///< Is duplicated. From Fortran: `MPI_Comm_f2c(handle)`.
  const std::chrono::milliseconds timeout = std::chrono::minutes(5);
  /// The address of rank 0, which serves the store for failure detection. Empty: its host name, or 127.0.0.1 if all
  /// processes are on one machine.
  const std::string address = {};

  const ProcessGroup group = formed();  ///< Not a setting: formed with the settings above.
  operator const ProcessGroup&() const { return group; }

 private:
  [[nodiscard]] ProcessGroup formed() const {
    if (timeout < std::chrono::milliseconds(1)) {
      throw std::invalid_argument(format_message(
          "Mpi: timeout is {} ms. Set it to at least 1 ms, and to minutes for training.", {timeout.count()}));
    }
    MpiLibrary::start();
    await_processes();
    MpiCommunicator own(communicator);
    detail::Connection connection{
        .rank = own.rank(), .world_size = own.size(), .timeout = timeout, .type = c10d::ProcessGroup::MPI};
    ++num_open_;
    connection.until_closed = std::shared_ptr<void>(nullptr, [](void*) { --num_open_; });
    connection.after_shutdown = [] {
      if (num_open_ == 0) MpiLibrary::end();
    };
    if (connection.world_size == 1) return ProcessGroup(std::move(connection));
    connection.store = meet(own);
    auto backend = c10::make_intrusive<MpiBackend>(
        std::move(own), MpiBackendOptions{.timeout = timeout, .interruption = failures_in(connection.store)});
    connection.collectives = backend->collectives();
    connection.backend = std::move(backend);
    return ProcessGroup(std::move(connection));
  }

  /// Waits until all processes of the communicator form the group, because MPI's functions for communicators block
  /// without a limit. The second barrier completes only if no process has given up in the first.
  void await_processes() const {
    if (communicator == MPI_COMM_NULL) return;
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    int rank = 0, size = 0;
    {
      const auto turn = MpiLibrary::turn();
      detail::check_mpi(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank");
      detail::check_mpi(MPI_Comm_size(communicator, &size), "MPI_Comm_size");
    }
    for (int barrier = 0; barrier < 2 && size > 1; ++barrier) {
      MPI_Request request = MPI_REQUEST_NULL;
      const auto is_done = [&](bool begins) {
        int done = 0;
        const auto turn = MpiLibrary::turn();
        if (begins) detail::check_mpi(MPI_Ibarrier(communicator, &request), "MPI_Ibarrier");
        detail::check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
        return done != 0;
      };
      for (bool begins = true; !is_done(begins); begins = false) {
        if (std::chrono::steady_clock::now() > deadline) {
          MpiLibrary::set_failed();  // the barrier remains pending
          throw DistributedError(
              format_message("Rank {} of {}: some ranks of the communicator did not create the process group within {} "
                             "ms, which Mpi::timeout sets. Create it on all ranks, or set a longer timeout.",
                             {rank, size, timeout.count()}));
        }
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
    }
  }

  [[nodiscard]] c10::intrusive_ptr<c10d::Store> meet(const MpiCommunicator& own) const {
    std::array<char, 256> host{};
    std::int32_t port = 0;
    c10d::TCPStoreOptions tcp;
    tcp.waitWorkers = false;
    tcp.timeout = timeout;
    tcp.port = 0;
    const auto turn = MpiLibrary::turn();
    const bool is_one_machine = num_on_this_machine(own) == own.size();
    c10::intrusive_ptr<c10d::Store> store;
    std::string failure;
    if (own.rank() == 0) {
      tcp.isServer = true;
      if (!address.empty()) {
        address.copy(host.data(), host.size() - 1);
      } else if (is_one_machine || gethostname(host.data(), host.size() - 1) != 0) {
        std::string_view("127.0.0.1").copy(host.data(), host.size() - 1);
      }
      try {
        auto server = c10::make_intrusive<c10d::TCPStore>(host.data(), tcp);
        port = server->getPort();
        store = std::move(server);
      } catch (const std::exception& error) {
        failure = error.what();
      }
    }
    detail::check_mpi(MPI_Bcast(host.data(), host.size(), MPI_CHAR, 0, own.handle()), "MPI_Bcast");
    detail::check_mpi(MPI_Bcast(&port, 1, MPI_INT32_T, 0, own.handle()), "MPI_Bcast");
    if (port != 0 && own.rank() != 0) {
      tcp.isServer = false;
      tcp.port = static_cast<std::uint16_t>(port);
      try {
        store = c10::make_intrusive<c10d::TCPStore>(host.data(), tcp);
      } catch (const std::exception& error) {
        failure = error.what();
      }
    }
    if (!store) {
      throw DistributedError(
          format_message("Rank {} of {} cannot reach the store of rank 0 at {}:{} ({}). Set Mpi::address to the "
                         "address of rank 0's machine.",
                         {own.rank(), own.size(), host.data(), port, detail::first_line(failure)}));
    }
    return c10::make_intrusive<c10d::PrefixStore>("hone", std::move(store));
  }

  static int num_on_this_machine(const MpiCommunicator& communicator) {
    MPI_Comm here = MPI_COMM_NULL;
    int size = 0;
    detail::check_mpi(MPI_Comm_split_type(communicator.handle(), MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here),
                      "MPI_Comm_split_type");
    detail::check_mpi(MPI_Comm_size(here, &size), "MPI_Comm_size");
    MPI_Comm_free(&here);
    return size;
  }

  /// Returns a callback that checks the store for failures, because MPI does not report that a process has left.
  static detail::MpiWorker::Interruption failures_in(c10::intrusive_ptr<c10d::Store> store) {
    return [store = std::move(store)]() -> std::optional<std::string> {
      try {
        if (!store->check({"failures"})) return std::nullopt;
        return "another rank failed.";
      } catch (const std::exception&) {
        return "rank 0, which hosts the store of the group, does not respond.";
      }
    };
  }

  static inline std::atomic<int> num_open_ = 0;
};
static_assert(Communicator<Mpi>);

}  // namespace hone

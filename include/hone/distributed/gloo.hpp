// SPDX-License-Identifier: Apache-2.0
/// Processes that find each other over TCP and need nobody to start them together: the gloo inside LibTorch.
///
/// LibTorch's wheel has gloo's code and none of its headers. The few types that LibTorch's own header names, and never
/// looks into, are declared in `without_gloo`; a LibTorch with gloo's headers uses those.
#pragma once

#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/distributed/launcher.hpp"
#include "hone/distributed/process_group.hpp"

namespace hone {

/// How processes find each other, and how long they wait.
///
/// **Units** timeout: of one collective, and of the meeting; a process that comes later than that is an error.
struct GlooOptions {
  Placement placement = hone::placement();             ///< Who this process is: as the launcher says.
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
  std::string interface = {};  ///< Of the network, such as "eth0"; empty: GLOO_SOCKET_IFNAME, else the one that leads to rank 0.
};

namespace detail {

/// This machine's address on the way to `host`; empty when there is none.
[[nodiscard]] inline std::string local_address_towards(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), "1", &hints, &found) != 0) return {};
  char text[NI_MAXHOST] = {};
  // Connecting a datagram socket sends nothing; it asks the routing table.
  if (const int handle = socket(found->ai_family, found->ai_socktype, 0); handle >= 0) {
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    if (connect(handle, found->ai_addr, found->ai_addrlen) == 0 &&
        getsockname(handle, reinterpret_cast<sockaddr*>(&own), &size) == 0) {
      getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    }
    close(handle);
  }
  freeaddrinfo(found);
  return text;
}

}  // namespace detail

/// A group of plain processes over TCP. Rank 0 keeps the store in which they meet, at the placement's address and port.
///
/// **Errors** on construction: `std::invalid_argument` for a placement that is none, `DistributedError` when the port is
/// taken, when the processes do not agree on how many they are, when two are of one rank, or when one does not come.
/// **Example** `hone::Gloo group; group.all_reduce(tensor);` in each process that `torchrun`, `mpirun`, `srun` or
/// `scripts/launch` started.
class Gloo : public ProcessGroup {
 public:
  explicit Gloo(const GlooOptions& options = {}) {
    const auto& [rank, world_size] = std::pair(options.placement.rank, options.placement.world_size);
    if (world_size < 1 || rank < 0 || rank >= world_size) {
      throw std::invalid_argument(
          sentence("Gloo: rank is {} of {} processes. Give a rank from 0 to world_size - 1.", {rank, world_size}));
    }
    members().rank = rank;
    members().world_size = world_size;
    members().timeout = options.timeout;
    if (world_size == 1) return;
    const auto store = meet(options);
    open(store, connect(store, options), c10d::ProcessGroup::GLOO);
  }

 private:
  static c10::intrusive_ptr<c10d::Store> meet(const GlooOptions& options) {
    const Placement& place = options.placement;
    const bool serves = place.rank == 0 && !place.has_store;
    c10d::TCPStoreOptions tcp;
    tcp.port = static_cast<std::uint16_t>(place.port);
    tcp.isServer = serves;
    tcp.waitWorkers = false;
    tcp.timeout = options.timeout;
    tcp.multiTenant = true;  // this process may form several groups
    c10::intrusive_ptr<c10d::Store> store;
    try {
      store = c10::make_intrusive<c10d::TCPStore>(place.address, tcp);
    } catch (const std::exception& error) {
      const std::string_view why = error.what();
      throw DistributedError(
          serves ? sentence("Rank 0 cannot keep the store of the group on port {}: {}. Choose a port that is free, with "
                            "MASTER_PORT or the placement's port.",
                            {place.port, why.substr(0, why.find('\n'))})
                 : sentence("Rank {} does not reach rank 0 at {}:{} within {} ms: {}. Start rank 0, or correct MASTER_ADDR "
                            "and MASTER_PORT.",
                            {place.rank, place.address, place.port, options.timeout.count(),
                             why.substr(0, why.find('\n'))}));
    }
    static std::atomic<int> count = 0;
    const char* attempt = std::getenv("TORCHELASTIC_RESTART_COUNT");
    store = c10::make_intrusive<c10d::PrefixStore>(
        "hone/" + std::string(attempt ? attempt : "0") + "/" + std::to_string(count++), store);
    try {
      check_in(*store, place, options.timeout);
    } catch (const DistributedError&) {
      throw;
    } catch (const std::exception& error) {
      throw DistributedError(sentence("Rank {} lost the store of the group that rank 0 keeps at {}:{} ({}).",
                                      {place.rank, place.address, place.port, error.what()}));
    }
    return store;
  }

  /// Every process says how many it takes them to be, and hears it of all.
  static void check_in(c10d::Store& store, const Placement& place, std::chrono::milliseconds timeout) {
    const auto name = [](int rank) { return "world_size_of/" + std::to_string(rank); };
    if (store.add("here/" + std::to_string(place.rank), 1) > 1) {
      throw DistributedError(sentence(
          "Two processes say that they are rank {}. Give each a rank of its own (RANK, or Placement::rank).", {place.rank}));
    }
    store.set(name(place.rank), std::to_string(place.world_size));
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (int rank = 0; rank < place.world_size; ++rank) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      try {
        store.wait({name(rank)}, std::max(left, std::chrono::milliseconds(1)));
      } catch (const std::exception& error) {
        throw DistributedError(
            sentence("Rank {} of {} did not come within {} ms, which GlooOptions::timeout sets. Start it, or give all "
                     "processes the true number of them (WORLD_SIZE). ({})",
                     {rank, place.world_size, timeout.count(), first_line(error.what())}));
      }
      const std::string theirs = store.get_to_str(name(rank));
      if (theirs != std::to_string(place.world_size)) {
        throw DistributedError(
            sentence("Rank {} takes the group to have {} processes, rank {} takes it to have {}. Give all the same number "
                     "(WORLD_SIZE, or Placement::world_size).",
                     {place.rank, place.world_size, rank, theirs}));
      }
    }
  }

  [[nodiscard]] static std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

  static c10::intrusive_ptr<c10d::Backend> connect(const c10::intrusive_ptr<c10d::Store>& store,
                                                   const GlooOptions& options) {
    using Backend = c10d::ProcessGroupGloo;
    const auto own = Backend::Options::create(options.timeout);
    std::string interface = options.interface;
    if (const char* named = std::getenv("GLOO_SOCKET_IFNAME"); interface.empty() && named) interface = named;
    const std::string address = detail::local_address_towards(options.placement.address);
    own->devices.push_back(!interface.empty() ? Backend::createDeviceForInterface(interface)
                           : !address.empty() ? Backend::createDeviceForHostname(address)
                                              : Backend::createDefaultDevice());
    try {
      return c10::make_intrusive<Backend>(store, options.placement.rank, options.placement.world_size, own);
    } catch (const std::exception& error) {
      throw DistributedError(
          sentence("Rank {} of {} cannot connect to the others from {}: {}", {options.placement.rank,
                   options.placement.world_size, interface.empty() ? address : interface, first_line(error.what())}));
    }
  }
};
static_assert(Communicator<Gloo>);

}  // namespace hone

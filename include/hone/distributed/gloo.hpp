// SPDX-License-Identifier: Apache-2.0
/// Processes that find each other over TCP and need nobody to start them together: the gloo inside LibTorch.
#pragma once

#include <chrono>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/distributed/gloo_backend.hpp"
#include "hone/distributed/launcher.hpp"
#include "hone/distributed/meeting.hpp"
#include "hone/distributed/process_group.hpp"

namespace hone {

/// How processes find each other, and how long they wait.
///
/// **Units** timeout: of one collective, and of the meeting; a process that comes later than that is an error.
struct GlooOptions {
  Placement placement = hone::placement();  ///< Who this process is: as the launcher says.
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
  /// Of the network, such as "eth0"; empty: GLOO_SOCKET_IFNAME, else the one that leads to rank 0.
  std::string interface = {};
  int threads = 2;  ///< Collectives that are under way at once. More hide more of a network's latency.
};

/// A group of plain processes over TCP. Rank 0 keeps the store in which they meet, at the placement's address and port.
///
/// **Errors** on construction: `std::invalid_argument` for a placement or a time-out that is none, `DistributedError`
/// when the port is taken, when the processes do not agree on how many they are, when two are of one rank, or when one
/// does not come.
/// **Example** `hone::Gloo group; group.all_reduce(tensor);` in each process that `torchrun`, `mpirun`, `srun` or
/// `scripts/launch` started.
class Gloo : public ProcessGroup {
 public:
  explicit Gloo(const GlooOptions& options = {}) {
    const Placement& place = options.placement;
    if (place.world_size < 1 || place.rank < 0 || place.rank >= place.world_size) {
      throw std::invalid_argument(sentence("Gloo: rank is {} of {} processes. Give a rank from 0 to world_size - 1.",
                                           {place.rank, place.world_size}));
    }
    if (options.timeout < std::chrono::milliseconds(1)) {
      throw std::invalid_argument(
          sentence("Gloo: timeout is {} ms. Give at least 1 ms, and minutes for training.", {options.timeout.count()}));
    }
    if (options.threads < 1) {
      throw std::invalid_argument(sentence("Gloo: threads is {}. Give at least 1.", {options.threads}));
    }
    members().rank = place.rank;
    members().world_size = place.world_size;
    members().timeout = options.timeout;
    if (place.world_size == 1) return;
    if (place.port < 1 || place.port > 65'535) {
      throw std::invalid_argument(sentence("Gloo: port is {}. Give a number from 1 to 65535.", {place.port}));
    }
    detail::Meeting meeting(place, options.timeout);
    const auto store = meeting.hold();
    c10::intrusive_ptr<detail::GlooBackend> backend;
    std::string failure;
    try {
      backend = connected(store, options);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    meeting.leave_together(*store, failure);
    open(store, backend, c10d::ProcessGroup::GLOO, backend->interruption(), backend->collectives());
  }

 private:
  static c10::intrusive_ptr<detail::GlooBackend> connected(const c10::intrusive_ptr<c10d::Store>& store,
                                                           const GlooOptions& options) {
    using Backend = detail::GlooBackend;
    const Placement& place = options.placement;
    std::string interface = options.interface;
    if (const char* named = std::getenv("GLOO_SOCKET_IFNAME"); interface.empty() && named) interface = named;
    const std::string address = detail::local_address_towards(place.address);
    const detail::BrokenPipesAreErrors guard;
    try {
      const auto own = Backend::Options::create(options.timeout / 5);  // gloo tries five times
      own->threads = options.threads;
      own->devices.push_back(!interface.empty() ? Backend::createDeviceForInterface(interface)
                             : !address.empty() ? Backend::createDeviceForHostname(address)
                                                : Backend::createDefaultDevice());
      auto backend = c10::make_intrusive<Backend>(store, place.rank, place.world_size, own);
      backend->setTimeout(options.timeout);
      return backend;
    } catch (const std::exception& error) {
      throw DistributedError(sentence(
          "Rank {} of {} cannot connect to the others from {}: {}. Name the network interface that leads to them, with "
          "GLOO_SOCKET_IFNAME or GlooOptions::interface.",
          {place.rank, place.world_size, !interface.empty() ? interface : address,
           detail::Meeting::first_line(error.what())}));
    }
  }
};
static_assert(Communicator<Gloo>);

}  // namespace hone

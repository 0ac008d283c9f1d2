// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/distributed/gloo_backend.hpp"
#include "hone/distributed/network.hpp"
#include "hone/distributed/rendezvous.hpp"

namespace hone {

namespace detail {

inline c10::intrusive_ptr<GlooBackend> connected_gloo(const c10::intrusive_ptr<c10d::Store>& store,
                                                      const Placement& place, std::chrono::milliseconds timeout,
                                                      std::string interface, int threads) {
  if (const char* named = std::getenv("GLOO_SOCKET_IFNAME"); interface.empty() && named) interface = named;
  const std::string address = local_address_towards(place.address);
  const BrokenPipesAreErrors guard;
  try {
    const auto own = GlooBackend::Options::create(timeout / 5);  // gloo tries five times
    own->threads = threads;
    own->devices.push_back(!interface.empty() ? GlooBackend::createDeviceForInterface(interface)
                           : !address.empty() ? GlooBackend::createDeviceForHostname(address)
                                              : GlooBackend::createDefaultDevice());
    auto backend = c10::make_intrusive<GlooBackend>(store, place.rank, place.world_size, own);
    backend->setTimeout(timeout);
    return backend;
  } catch (const std::exception& error) {
    throw DistributedError(format_message(
        "Rank {} of {} cannot connect to the other ranks from {}: {}. Set GLOO_SOCKET_IFNAME or Gloo::interface to the "
        "network interface that reaches them.",
        {place.rank, place.world_size, !interface.empty() ? interface : address, first_line(error.what())}));
  }
}

}  // namespace detail

HONE_INLINE ProcessGroup Gloo::formed() const {
  if (placement.world_size < 1 || placement.rank < 0 || placement.rank >= placement.world_size) {
    throw std::invalid_argument(
        format_message("Gloo: rank is {} and world_size is {}. Set rank to a number from 0 to world_size - 1.",
                       {placement.rank, placement.world_size}));
  }
  if (timeout < std::chrono::milliseconds(1)) {
    throw std::invalid_argument(format_message(
        "Gloo: timeout is {} ms. Set it to at least 1 ms, and to minutes for training.", {timeout.count()}));
  }
  if (threads < 1)
    throw std::invalid_argument(format_message("Gloo: threads is {}. Set it to 1 or greater.", {threads}));
  detail::Connection connection{
      .rank = placement.rank, .world_size = placement.world_size, .timeout = timeout, .type = c10d::ProcessGroup::GLOO};
  if (placement.world_size == 1) return ProcessGroup(std::move(connection));
  if (placement.port < 1 || placement.port > 65'535) {
    throw std::invalid_argument(
        format_message("Gloo: port is {}. Set it to a number from 1 to 65535.", {placement.port}));
  }
  detail::Rendezvous meeting(placement, timeout);
  connection.store = meeting.hold();
  c10::intrusive_ptr<detail::GlooBackend> backend;
  std::string failure;
  try {
    backend = detail::connected_gloo(connection.store, placement, timeout, interface, threads);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  meeting.barrier_and_leave(*connection.store, failure);
  connection.interrupt = backend->interruption();
  connection.collectives = backend->collectives();
  connection.backend = std::move(backend);
  return ProcessGroup(std::move(connection));
}

}  // namespace hone

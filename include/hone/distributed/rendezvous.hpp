// SPDX-License-Identifier: Apache-2.0
/// A rendezvous over a TCP store, whose address and port every process has.
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/distributed/launcher.hpp"
#include "hone/distributed/network.hpp"

namespace hone::detail {

/// The rendezvous of one group: every rank registers in a log in the store. Groups that are formed at the same address
/// and port are numbered, and each has a separate log.
class Rendezvous {
 public:
  Rendezvous(Placement place, std::chrono::milliseconds timeout)
      : place_(std::move(place)), timeout_(timeout), deadline_(std::chrono::steady_clock::now() + timeout) {}

  /// Registers this rank and returns the store once all ranks have registered. **Errors** `DistributedError`.
  [[nodiscard]] c10::intrusive_ptr<c10d::Store> hold() {
    while (true) {
      const auto store = prefixed(reach());
      try {
        check_in(*store);
        ++formed();
        return store;
      } catch (const DistributedError&) {
        throw;
      } catch (const std::exception& error) {  // the store of a program that ended meanwhile
        if (std::chrono::steady_clock::now() > deadline_) {
          throw DistributedError(format_message("Rank {} lost the connection to the store of rank 0 at {}:{} ({}).",
                                                {place_.rank, place_.address, place_.port, first_line(error.what())}));
        }
      }
    }
  }

  /// Returns once all ranks have connected to each other. `failure` is why this rank could not; empty: it could.
  /// **Errors** `DistributedError` on every rank as soon as one could not, or at the deadline.
  void barrier_and_leave(c10d::Store& store, std::string_view failure) const {
    const auto say = [&](const std::string& text) {
      store.append("connected", std::vector<std::uint8_t>(text.begin(), text.end()));
    };
    if (!failure.empty()) {
      try {
        say(format_message("!{}\n", {failure}));
      } catch (const std::exception&) {  // the store has failed
      }
      refuse(std::string(failure));
    }
    say(".\n");
    while (true) {
      const std::string all = store.get_to_str("connected");
      if (const auto first = all.find('!'); first != all.npos) {
        refuse(all.substr(first + 1, all.find('\n', first) - first - 1));
      }
      if (std::count(all.begin(), all.end(), '.') == place_.world_size) return;
      if (std::chrono::steady_clock::now() > deadline_) {
        throw DistributedError(format_message(
            "Rank {} of {} connected to the other ranks, but some of them did not connect to each other.",
            {place_.rank, place_.world_size}));
      }
      std::this_thread::sleep_for(pause());
    }
  }

 private:
  using Milliseconds = std::chrono::milliseconds;

  [[nodiscard]] bool serves() const { return place_.rank == 0 && !place_.has_store; }
  [[nodiscard]] Milliseconds left() const {
    return std::max(Milliseconds(1),
                    std::chrono::duration_cast<Milliseconds>(deadline_ - std::chrono::steady_clock::now()));
  }

  /// Returns a random identifier of this process, which distinguishes processes that claim the same rank.
  [[nodiscard]] static const std::string& token() {
    static const std::string token = std::to_string(std::random_device{}()) + std::to_string(std::random_device{}());
    return token;
  }
  [[nodiscard]] Milliseconds pause() const { return std::max(Milliseconds(2), Milliseconds(place_.world_size / 4)); }
  /// Returns the number of groups that this process has formed at this address and port.
  [[nodiscard]] std::atomic<int>& formed() const {
    static std::mutex mutex;
    static std::map<std::string, std::atomic<int>> counts;
    const std::lock_guard lock(mutex);
    return counts[place_.address + ":" + std::to_string(place_.port)];
  }

  [[nodiscard]] c10::intrusive_ptr<c10d::Store> prefixed(c10::intrusive_ptr<c10d::Store> store) const {
    const char* attempt = std::getenv("TORCHELASTIC_RESTART_COUNT");
    return c10::make_intrusive<c10d::PrefixStore>(
        "hone/" + std::string(attempt ? attempt : "0") + "/" + std::to_string(formed()), std::move(store));
  }

  [[nodiscard]] c10::intrusive_ptr<c10d::Store> reach() const {
    if (serves()) return served();
    // LibTorch itself retries only once a second.
    if (const auto wrong = await_listener(place_.address, place_.port, deadline_); !wrong.empty())
      refuse_to_wait(wrong);
    return store_at(std::nullopt, "the program that listens there does not respond as a store");
  }
  /// Returns the store, which rank 0 serves until it exits: a rank may arrive for the next group while rank 0 still
  /// leaves the previous one.
  [[nodiscard]] c10::intrusive_ptr<c10d::Store> served() const {
    static std::mutex mutex;
    static auto& kept = *new std::map<int, c10::intrusive_ptr<c10d::Store>>;  // never destroyed
    const std::lock_guard lock(mutex);
    auto& store = kept[place_.port];
    if (store) return store;
    auto addresses = std::make_unique<Addresses>(place_.address, place_.port);
    while (addresses->first() == nullptr) {
      if (std::chrono::steady_clock::now() > deadline_) refuse_to_wait(addresses->wrong());
      std::this_thread::sleep_for(Milliseconds(20));
      addresses = std::make_unique<Addresses>(place_.address, place_.port);
    }
    const int handle = listening_socket(*addresses->first(), place_.port);
    if (handle < 0) {
      throw DistributedError(format_message(
          "Rank 0 cannot create the store of the group on port {}: {}. Set MASTER_PORT or Placement::port to a free "
          "port.",
          {place_.port, handle == -EADDRINUSE ? "another program uses it" : std::generic_category().message(-handle)}));
    }
    store = store_at(handle, "this address is not on the machine of rank 0");
    return store;
  }
  /// Connects in a separate thread, because LibTorch waits indefinitely if the program at the port is not a store.
  [[nodiscard]] c10::intrusive_ptr<c10d::Store> store_at(std::optional<int> listening,
                                                         std::string_view no_answer) const {
    c10d::TCPStoreOptions tcp;
    tcp.port = static_cast<std::uint16_t>(place_.port);
    tcp.isServer = listening.has_value();
    tcp.masterListenFd = listening;
    tcp.waitWorkers = false;
    tcp.timeout = left();
    std::packaged_task<c10::intrusive_ptr<c10d::Store>()> make(
        [tcp, address = place_.address] { return c10::make_intrusive<c10d::TCPStore>(address, tcp); });
    auto made = make.get_future();
    std::thread thread(std::move(make));
    if (made.wait_for(left() + Milliseconds(100)) != std::future_status::ready) {
      thread.detach();
      refuse_to_wait(no_answer);
    }
    thread.join();
    try {
      return made.get();
    } catch (const std::exception& error) {
      refuse_to_wait(first_line(error.what()));
    }
  }
  [[noreturn]] void refuse_to_wait(std::string_view why) const {
    if (why.ends_with('.')) why.remove_suffix(1);
    throw DistributedError(
        format_message("Rank {} of {} cannot reach the store of rank 0 at {}:{} within {} ms: {}. Start rank 0, or "
                       "correct MASTER_ADDR and MASTER_PORT.",
                       {place_.rank, place_.world_size, place_.address, place_.port, timeout_.count(), why}));
  }

  /// Appends the rank, world size and token of this process to the log, and waits until it contains all ranks.
  /// **Errors** `DistributedError` when world sizes differ, when two processes have the same rank, or at the deadline.
  void check_in(c10d::Store& store) const {
    const std::string own = format_message("{} {} {}\n", {place_.rank, place_.world_size, token()});
    store.append("present", std::vector<std::uint8_t>(own.begin(), own.end()));
    while (true) {
      std::istringstream present(store.get_to_str("present"));
      std::vector<bool> here(static_cast<std::size_t>(place_.world_size));
      int rank = 0, world_size = 0, num_missing = place_.world_size;
      for (std::string who; present >> rank >> world_size >> who;) {
        if (world_size != place_.world_size) {
          refuse(
              format_message("Rank {} has world size {}, but rank {} has world size {}. Set WORLD_SIZE or "
                             "Placement::world_size to the same number on all ranks.",
                             {place_.rank, place_.world_size, rank, world_size}));
        }
        if (rank == place_.rank && who != token()) {
          refuse(format_message(
              "Two processes have rank {}. Set RANK or Placement::rank to a different number in each process.",
              {rank}));
        }
        if (!here[static_cast<std::size_t>(rank)]) --num_missing;
        here[static_cast<std::size_t>(rank)] = true;
      }
      if (num_missing == 0) return;
      if (std::chrono::steady_clock::now() > deadline_) refuse_absence(here);
      std::this_thread::sleep_for(pause());
    }
  }
  [[noreturn]] void refuse_absence(const std::vector<bool>& here) const {
    std::string missing;
    for (std::size_t rank = 0; rank < here.size(); ++rank) {
      if (!here[rank]) missing += (missing.empty() ? "" : ", ") + std::to_string(rank);
    }
    refuse(format_message(
        "Rank {} of {} did not arrive within {} ms, which Gloo::timeout sets. Start it, or correct WORLD_SIZE.",
        {missing, place_.world_size, timeout_.count()}));
  }
  /// Throws a `DistributedError`. A process that serves the store waits 500 ms first, so that its peers find the same
  /// error.
  [[noreturn]] void refuse(const std::string& text) const {
    if (serves()) std::this_thread::sleep_for(Milliseconds(500));
    throw DistributedError(text);
  }

  Placement place_;
  Milliseconds timeout_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace hone::detail

// SPDX-License-Identifier: Apache-2.0
/// Processes that find each other over TCP and need nobody to start them together: the gloo inside LibTorch.
#pragma once

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

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
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/distributed/gloo_backend.hpp"
#include "hone/distributed/launcher.hpp"
#include "hone/distributed/process_group.hpp"

namespace hone {

/// How processes find each other, and how long they wait.
///
/// **Units** timeout: of one collective, and of the meeting; a process that comes later than that is an error.
struct GlooOptions {
  Placement placement = hone::placement();  ///< Who this process is: as the launcher says.
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
  std::string interface =
      {};  ///< Of the network, such as "eth0"; empty: GLOO_SOCKET_IFNAME, else the one that leads to rank 0.
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

/// What the resolver says of a host.
class Addresses {
 public:
  Addresses(const std::string& host, int port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    error_ = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &first_);
  }
  Addresses(const Addresses&) = delete;
  Addresses& operator=(const Addresses&) = delete;
  ~Addresses() {
    if (error_ == 0) freeaddrinfo(first_);
  }

  /// Why there are none; empty when there are some.
  [[nodiscard]] std::string wrong() const { return error_ == 0 ? "" : gai_strerror(error_); }
  [[nodiscard]] const addrinfo* first() const { return error_ == 0 ? first_ : nullptr; }

 private:
  addrinfo* first_ = nullptr;
  int error_ = 0;
};

/// Waits until something listens at `host`; nothing is sent. Returns what is wrong at the deadline, empty when it does.
[[nodiscard]] inline std::string await_listener(const std::string& host, int port,
                                                std::chrono::steady_clock::time_point deadline) {
  while (true) {
    const Addresses addresses(host, port);
    std::string wrong = addresses.wrong();
    for (const addrinfo* address = addresses.first(); address != nullptr; address = address->ai_next) {
      const int handle = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      int error = connect(handle, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
      if (error == EINPROGRESS) {
        pollfd waits{handle, POLLOUT, 0};
        socklen_t size = sizeof error;
        if (poll(&waits, 1, /*milliseconds=*/2000) != 1) {
          error = ETIMEDOUT;
        } else {
          getsockopt(handle, SOL_SOCKET, SO_ERROR, &error, &size);
        }
      }
      close(handle);
      wrong = error == 0 ? "" : std::generic_category().message(error);
      if (wrong.empty()) break;
    }
    if (wrong.empty() || std::chrono::steady_clock::now() > deadline) return wrong;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

/// A socket that listens on the port, by the protocol of the address (LibTorch's own, for both, asks the network for
/// the name of everybody who connects, one after the other), or the negative number of the error.
[[nodiscard]] inline int listening_socket(const addrinfo& towards, int port) {
  const int handle = socket(towards.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (handle < 0) return -errno;
  const int yes = 1;
  setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_storage any{};
  any.ss_family = static_cast<sa_family_t>(towards.ai_family);
  const auto number = htons(static_cast<std::uint16_t>(port));
  (towards.ai_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(any).sin6_port
                                 : reinterpret_cast<sockaddr_in&>(any).sin_port) = number;
  if (bind(handle, reinterpret_cast<const sockaddr*>(&any), towards.ai_addrlen) == 0 &&
      listen(handle, SOMAXCONN) == 0) {
    return handle;
  }
  const int error = errno;
  close(handle);
  return -error;
}

/// Where the processes of a group are to meet, as one log of who is there. Numbers the groups that are formed in one
/// place, so that each has a log of its own.
class Meeting {
 public:
  explicit Meeting(const GlooOptions& options)
      : place_(options.placement),
        timeout_(options.timeout),
        deadline_(std::chrono::steady_clock::now() + options.timeout) {}

  /// The store that all processes of the group have come to.
  [[nodiscard]] c10::intrusive_ptr<c10d::Store> hold() {
    while (true) {
      const auto store = prefixed(reach());
      try {
        check_in(*store);
        ++formed();
        return store;
      } catch (const DistributedError&) {
        throw;
      } catch (const std::exception& error) {  // it was that of a program which ended meanwhile
        if (std::chrono::steady_clock::now() > deadline_) {
          throw DistributedError(sentence("Rank {} lost the store of the group that rank 0 keeps at {}:{} ({}).",
                                          {place_.rank, place_.address, place_.port, first_line(error.what())}));
        }
      }
    }
  }

  /// Returns when all of them have connected to each other. **Errors** `DistributedError` as soon as one could not.
  void leave_together(c10d::Store& store, std::string_view failure) const {
    const auto say = [&](const std::string& text) {
      store.append("connected", std::vector<std::uint8_t>(text.begin(), text.end()));
    };
    if (!failure.empty()) {
      try {
        say(sentence("!{}\n", {failure}));
      } catch (const std::exception&) {  // it is what failed
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
        throw DistributedError(sentence("Rank {} of {} has connected to the others, but not all of them to each other.",
                                        {place_.rank, place_.world_size}));
      }
      std::this_thread::sleep_for(pause());
    }
  }

  [[nodiscard]] static std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

 private:
  using Milliseconds = std::chrono::milliseconds;

  [[nodiscard]] bool serves() const { return place_.rank == 0 && !place_.has_store; }
  [[nodiscard]] Milliseconds left() const {
    return std::max(Milliseconds(1),
                    std::chrono::duration_cast<Milliseconds>(deadline_ - std::chrono::steady_clock::now()));
  }

  /// This process, among those that say the same of themselves.
  [[nodiscard]] static const std::string& token() {
    static const std::string token = std::to_string(std::random_device{}()) + std::to_string(std::random_device{}());
    return token;
  }
  [[nodiscard]] Milliseconds pause() const { return std::max(Milliseconds(2), Milliseconds(place_.world_size / 4)); }
  /// How many groups this process has formed there.
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
    // LibTorch's own attempts are a second apart.
    if (const auto wrong = await_listener(place_.address, place_.port, deadline_); !wrong.empty())
      refuse_to_wait(wrong);
    return store_at(std::nullopt, "something listens there, but does not answer as a store does");
  }
  /// The store that this process keeps for as long as it runs: another may come for the next group while this one still
  /// leaves the last.
  [[nodiscard]] c10::intrusive_ptr<c10d::Store> served() const {
    static std::mutex mutex;
    static auto& kept = *new std::map<int, c10::intrusive_ptr<c10d::Store>>;  // ends with the process, after all else
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
      throw DistributedError(sentence(
          "Rank 0 cannot keep the store of the group on port {}: {}. Choose a port that is free, with MASTER_PORT or "
          "the "
          "placement's port.",
          {place_.port, handle == -EADDRINUSE ? "another program uses it" : std::generic_category().message(-handle)}));
    }
    store = store_at(handle, "that is not the machine of rank 0");
    return store;
  }
  /// In a thread: LibTorch waits for ever for the answer of a program that is no store.
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
        sentence("Rank {} of {} does not reach the store of rank 0 at {}:{} within {} ms: {}. Start rank 0, or correct "
                 "MASTER_ADDR and MASTER_PORT.",
                 {place_.rank, place_.world_size, place_.address, place_.port, timeout_.count(), why}));
  }

  /// Every process says who it is and how many it takes them to be, and hears it of all.
  void check_in(c10d::Store& store) const {
    const std::string own = sentence("{} {} {}\n", {place_.rank, place_.world_size, token()});
    store.append("present", std::vector<std::uint8_t>(own.begin(), own.end()));
    while (true) {
      std::istringstream present(store.get_to_str("present"));
      std::vector<bool> here(static_cast<std::size_t>(place_.world_size));
      int rank = 0, world_size = 0, num_missing = place_.world_size;
      for (std::string who; present >> rank >> world_size >> who;) {
        if (world_size != place_.world_size) {
          refuse(
              sentence("Rank {} takes the group to have {} processes, rank {} takes it to have {}. Give all the same "
                       "number (WORLD_SIZE, or Placement::world_size).",
                       {place_.rank, place_.world_size, rank, world_size}));
        }
        if (rank == place_.rank && who != token()) {
          refuse(sentence(
              "Two processes say that they are rank {}. Give each a rank of its own (RANK, or Placement::rank).",
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
    refuse(
        sentence("Rank {} of {} did not come within {} ms, which GlooOptions::timeout sets. Start it, or give all "
                 "processes the true number of them (WORLD_SIZE).",
                 {missing, place_.world_size, timeout_.count()}));
  }
  /// The others are to come to the same; rank 0 has the store.
  [[noreturn]] void refuse(const std::string& text) const {
    if (serves()) std::this_thread::sleep_for(Milliseconds(500));
    throw DistributedError(text);
  }

  Placement place_;
  Milliseconds timeout_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace detail

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
    members().rank = place.rank;
    members().world_size = place.world_size;
    members().timeout = options.timeout;
    if (place.world_size == 1) return;
    if (place.port < 1 || place.port > 65'535) {
      throw std::invalid_argument(sentence("Gloo: port is {}. Give a number from 1 to 65535.", {place.port}));
    }
    detail::Meeting meeting(options);
    const auto store = meeting.hold();
    c10::intrusive_ptr<detail::GlooBackend> backend;
    std::string failure;
    try {
      backend = connected(store, options);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    meeting.leave_together(*store, failure);
    open(store, backend, c10d::ProcessGroup::GLOO, backend->interruption());
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

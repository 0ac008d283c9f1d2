// SPDX-License-Identifier: Apache-2.0
/// Addresses and sockets for a rendezvous over TCP.
#pragma once

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>
#include <thread>

namespace hone::detail {

/// Returns this machine's address on the route to `host`; empty without a route.
[[nodiscard]] inline std::string local_address_towards(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), "1", &hints, &found) != 0) return {};
  char text[NI_MAXHOST] = {};
  // Connecting a datagram socket sends nothing; it queries the routing table.
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

/// The addresses of a host, from `getaddrinfo`.
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

  /// Returns the error message; empty if there are addresses.
  [[nodiscard]] std::string wrong() const { return error_ == 0 ? "" : gai_strerror(error_); }
  [[nodiscard]] const addrinfo* first() const { return error_ == 0 ? first_ : nullptr; }

 private:
  addrinfo* first_ = nullptr;
  int error_ = 0;
};

/// Waits until a socket listens at `host` and `port`; sends nothing. Returns the error at the deadline, or empty on
/// success.
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

/// Returns a socket that listens on `port` with the protocol of `towards`, or the negative errno. LibTorch's socket,
/// for both protocols, resolves the name of each client that connects, in sequence.
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

}  // namespace hone::detail

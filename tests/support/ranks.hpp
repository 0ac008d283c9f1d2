// SPDX-License-Identifier: Apache-2.0
/// Runs a part of a test in several forked processes.
///
///     require_ranks(2, 30s, [&](const hone::Placement& placement) {
///       REQUIRE(placement.world_size == 2);
///     });
///
/// The processes inherit the memory of the test, so `f` may capture references. Changes are private to each process,
/// except in `Shared` values. The test itself must not use LibTorch, because threads do not survive a fork.
#pragma once

#include <ATen/Parallel.h>
#include <arpa/inet.h>
#include <cxxabi.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "hone/distributed/launcher.hpp"
#include "support/catch.hpp"
#include "support/sanitizer.hpp"

namespace hone {

/// The outcome of one process.
struct RankOutcome {
  int rank = 0;
  int exit_code = 0;       /// < 1 after an exception or a failed assertion, -1 if a signal ended the process.
  int signal = 0;          /// < The signal that ended the process, or 0.
  bool timed_out = false;  /// < True if it was still running at the limit and was killed.
  std::string exception;   /// < The type of the exception that `f` threw, or empty.
  std::string message;     ///< The exception's text.
  std::string output;      /// < Its stdout and stderr, including Catch's reports of failed assertions.
  double seconds = 0.0;    ///< From the fork to the end.

  [[nodiscard]] bool ended_well() const { return exit_code == 0; }
  [[nodiscard]] std::string text() const {
    std::string text = "rank " + std::to_string(rank) + " ";
    if (timed_out) {
      text += "was still running at the limit";
    } else if (signal != 0) {
      text += "was ended by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
    } else {
      text += "ended with " + std::to_string(exit_code);
    }
    char after[32];
    std::snprintf(after, sizeof after, " after %.2f s", seconds);
    text += after;
    if (!exception.empty()) text += "\n  " + exception + ": " + message;
    if (!output.empty()) text += "\n" + output;
    return text;
  }
};

/// The outcome of all processes, by rank.
struct RanksOutcome {
  std::vector<RankOutcome> ranks;

  [[nodiscard]] const RankOutcome& operator[](int rank) const { return ranks.at(static_cast<std::size_t>(rank)); }
  [[nodiscard]] bool ended_well() const {
    for (const auto& each : ranks) {
      if (!each.ended_well()) return false;
    }
    return true;
  }
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const auto& each : ranks) text += each.text() + "\n";
    return text;
  }
};

/// A value in memory that the processes and their test share, initially zero. Accesses are not synchronized: let each
/// rank write to a separate object, and read after the processes have ended.
template <class T>
class Shared {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Shared() : memory_(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) throw std::runtime_error("Shared: no memory.");
  }
  ~Shared() { ::munmap(memory_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  [[nodiscard]] T& operator*() const { return *static_cast<T*>(memory_); }
  [[nodiscard]] T* operator->() const { return static_cast<T*>(memory_); }

 private:
  void* memory_;
};

namespace detail {

/// Returns a port on which no socket listens, below the range of ephemeral ports.
inline int free_port() {
  std::random_device random;
  for (int attempt = 0; attempt < 100; ++attempt) {
    const int port = std::uniform_int_distribution(15'000, 32'000)(random);
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    const bool is_free = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(socket);
    if (is_free) return port;
  }
  throw std::runtime_error("run_ranks: no port is free.");
}

/// The exception that ended a process.
struct LastWords {
  char exception[256];
  char message[16'384];

  void say(const char* type, const char* text) {
    std::snprintf(exception, sizeof exception, "%s", type);
    std::snprintf(message, sizeof message, "%s", text);
  }
  void say(const std::exception& error) {
    int status = 0;
    char* name = abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status);
    say(name != nullptr ? name : typeid(error).name(), error.what());
    std::free(name);
  }
};

template <class F>
[[noreturn]] void be_rank(const Placement& placement, pid_t parent, int output, LastWords& words, F& f) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  int code = 1;
  try {
    at::set_num_threads(1);
    f(placement);
    code = 0;
  } catch (const std::exception& error) {
    words.say(error);
  } catch (...) {
    words.say("assertion", "an assertion failed.");  // REQUIRE throws a type that is not a std::exception
  }
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  ::_exit(code);  // skips the destructors of static objects, which belong to the test
}

inline std::string contents(int file) {
  std::string all;
  char part[4096];
  for (ssize_t got = 0; (got = ::pread(file, part, sizeof part, static_cast<off_t>(all.size()))) > 0;) {
    all.append(part, static_cast<std::size_t>(got));
  }
  return all;
}

/// Returns whether this process has more threads than the calling one.
inline bool has_threads() {
  // The thread sanitizer runs one thread.
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}) > (under_thread_sanitizer ? 2 : 1);
}

}  // namespace detail

/// Forks `n` processes, each of which runs `f(placement)` with one thread and exits. Waits for all of them, and kills
/// processes that still run after `limit`. The placements contain a free port of the loopback interface.
///
/// Within `f`, a failed `REQUIRE` ends the process immediately, and a failed `CHECK` makes it fail when it ends (with
/// Catch's console reporter).
///
/// **Errors** `std::logic_error` if the test has threads: it used LibTorch, which would deadlock in the processes.
template <class F>
[[nodiscard]] RanksOutcome run_ranks(int n, std::chrono::seconds limit, F f) {
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;
  struct Process {
    pid_t id;
    std::FILE* output;
    std::unique_ptr<Shared<detail::LastWords>> words;
    bool is_running = true;
  };
  if (detail::has_threads()) {
    throw std::logic_error(
        "run_ranks: the test has threads, which do not survive a fork. Use LibTorch in the processes only.");
  }

  const int port = detail::free_port();
  const pid_t parent = ::getpid();
  std::cout.flush();
  std::fflush(nullptr);  // otherwise each process would write the buffer again
  const auto begin = Clock::now();
  std::vector<Process> processes;
  RanksOutcome outcome;
  for (int rank = 0; rank < n; ++rank) {
    Process process{-1, std::tmpfile(), std::make_unique<Shared<detail::LastWords>>()};
    process.id = ::fork();
    if (process.id == 0) {
      detail::be_rank({rank, n, rank, n, "127.0.0.1", port}, parent, ::fileno(process.output), **process.words, f);
    }
    if (process.id < 0) throw std::runtime_error("run_ranks: fork failed.");
    processes.push_back(std::move(process));
    outcome.ranks.emplace_back().rank = rank;
  }

  for (int num_running = n; num_running > 0;) {
    const bool is_over = Clock::now() - begin > limit;
    for (std::size_t i = 0; i < processes.size(); ++i) {
      auto& process = processes[i];
      auto& end = outcome.ranks[i];
      if (!process.is_running) continue;
      if (is_over && !end.timed_out) {
        end.timed_out = true;
        ::kill(process.id, SIGKILL);
      }
      int status = 0;
      if (::waitpid(process.id, &status, WNOHANG) != process.id) continue;
      process.is_running = false;
      --num_running;
      end.seconds = Seconds(Clock::now() - begin).count();
      end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  for (std::size_t i = 0; i < processes.size(); ++i) {
    auto& end = outcome.ranks[i];
    end.exception = (*processes[i].words)->exception;
    end.message = (*processes[i].words)->message;
    end.output = detail::contents(::fileno(processes[i].output));
    if (end.exit_code == 0 && end.output.find("FAILED:") != std::string::npos) end.exit_code = 1;
    std::fclose(processes[i].output);
  }
  return outcome;
}

/// A rank that is expected to fail.
struct Doomed {
  int rank = 0;
  int signal = 0;         /// < 0 for an exception.
  std::string message{};  /// < A part of the exception's type and message
};

/// Calls `run_ranks`. The test fails, with the output of all ranks, unless the ranks in `doomed` end as specified there
/// and all other ranks succeed.
template <class F>
RanksOutcome require_ranks(int n, std::chrono::seconds limit, F f, std::initializer_list<Doomed> doomed = {}) {
  auto outcome = run_ranks(n, limit, std::move(f));
  std::string wrong;
  for (const auto& end : outcome.ranks) {
    const auto meant =
        std::find_if(doomed.begin(), doomed.end(), [&](const auto& each) { return each.rank == end.rank; });
    if (meant == doomed.end()) {
      if (!end.ended_well()) wrong += "rank " + std::to_string(end.rank) + " should have ended well.\n";
    } else if (end.timed_out || end.signal != meant->signal) {
      wrong += "rank " + std::to_string(end.rank) + " should have been ended by " +
               (meant->signal == 0 ? "an exception" : "signal " + std::to_string(meant->signal)) + ".\n";
    } else if (end.signal == 0 && (end.exception.empty() ||
                                   (end.exception + ": " + end.message).find(meant->message) == std::string::npos)) {
      wrong += "rank " + std::to_string(end.rank) + " should have thrown \"" + meant->message + "\".\n";
    }
  }
  if (!wrong.empty()) FAIL(wrong << outcome.text());
  SUCCEED();
  return outcome;
}

}  // namespace hone

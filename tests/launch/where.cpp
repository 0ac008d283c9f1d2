// SPDX-License-Identifier: Apache-2.0
/// Prints its launcher and its placement. Further arguments:
///
///     exit RANK CODE      the rank ends with CODE, and other ranks wait for a minute
///     kill RANK SIGNAL    the rank raises SIGNAL, and other ranks wait for a minute
///     stubborn            ignores SIGTERM and waits for a minute
///     wait                waits for a minute
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "hone/distributed/launcher.hpp"

int main(int argc, char** argv) {
  const auto place = hone::placement();
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "stubborn") std::signal(SIGTERM, SIG_IGN);
  std::printf("%s %d/%d %d/%d %s %d%s\n", std::string(hone::to_string(hone::launcher())).c_str(), place.rank,
              place.world_size, place.local_rank, place.local_world_size, place.address.c_str(), place.port,
              place.has_store ? " store" : "");
  std::fflush(stdout);
  if (what.empty()) return 0;
  if ((what == "exit" || what == "kill") && std::atoi(argv[2]) == place.rank) {
    if (what == "kill") std::raise(std::atoi(argv[3]));
    return std::atoi(argv[3]);
  }
  ::sleep(60);
  return 0;
}

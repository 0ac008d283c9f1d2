// SPDX-License-Identifier: Apache-2.0
/// Environment variables for a test.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

/// Sets these environment variables and unsets all other variables of launchers, during its lifetime.
class LauncherEnvironment {
 public:
  using Variables = std::vector<std::pair<std::string, std::string>>;

  explicit LauncherEnvironment(const Variables& variables) {
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string text = *entry;
      before_.emplace(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
    }
    for (const auto& [name, value] : before_) {
      if (is_of_a_launcher(name)) ::unsetenv(name.c_str());
    }
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~LauncherEnvironment() {
    ::clearenv();
    for (const auto& [name, value] : before_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  LauncherEnvironment(const LauncherEnvironment&) = delete;
  LauncherEnvironment& operator=(const LauncherEnvironment&) = delete;

 private:
  static bool is_of_a_launcher(const std::string& name) {
    if (name == "RANK" || name == "WORLD_SIZE") return true;
    for (const char* begin : {"LOCAL_", "MASTER_", "TORCHELASTIC_", "OMPI_", "PMI_", "PMIX_", "MPI_", "SLURM_"}) {
      if (name.starts_with(begin)) return true;
    }
    return false;
  }

  std::map<std::string, std::string> before_;
};

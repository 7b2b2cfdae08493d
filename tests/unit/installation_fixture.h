#pragma once

#include "src/base/error.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_program.h"
#include "updater/installation.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace converge::updater {

inline constexpr int kOld = 11;  ///< Exit statuses of builds.
inline constexpr int kNew = 22;

/// A directory with the old build as `converge`.
struct Place {
  /// A download that is complete.
  void download(int status = kNew) const {
    tests::write_tiny_program(installation.part(), status);
    ::chmod(installation.part().c_str(), 0600);
  }
  void update(int status = kNew) const {
    const auto expected = installation.identity();
    download(status);
    installation.stage(installation.part());
    installation.put_in(expected);
  }
  int runs() const { return tests::exit_status_of(binary); }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  tests::TempDir directory;
  std::filesystem::path binary = directory / "converge";
  Installation installation = (tests::write_tiny_program(binary, kOld), Installation(binary));
};

using Names = std::vector<std::string>;

/// The error that `work` throws.
inline std::optional<Error> error_of(const std::function<void()>& work) {
  try {
    work();
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

/// `KIND: MESSAGE | HINT`, or `no error`.
inline std::string text_of(const std::optional<Error>& error) {
  if (!error) return "no error";
  constexpr std::array<const char*, 4> kKinds = {"usage", "transient", "in_doubt", "failure"};
  return std::string(kKinds.at(static_cast<std::size_t>(error->kind()))) + ": " + error->what() +
         " | " + error->hint();
}

}  // namespace converge::updater

#pragma once

#include "src/daemon/journal_view.h"
#include "src/daemon/metrics.h"
#include "src/daemon/overview.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace converge::daemon {

/// What a request gets.
struct Answer {
  int status = 200;
  std::string type;  ///< Of the content.
  std::string body;
};

/// `{"error":MESSAGE}`.
Answer error_answer(int status, std::string_view message);

/// The pages of the status server, all to be read only. Thread-safe.
class Site {
 public:
  Site(std::function<Overview()> overview, Metrics& metrics, std::filesystem::path journal);

  /// What is at a path; nullopt: nothing is. `count` is of the query. Throws `Error` when it cannot
  /// be told now.
  std::optional<Answer> at(std::string_view path, std::optional<std::size_t> count);

 private:
  Answer readiness();

  std::function<Overview()> overview_;
  Metrics& metrics_;
  JournalView journal_;
};

}  // namespace converge::daemon

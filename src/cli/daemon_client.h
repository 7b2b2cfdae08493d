#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace converge::cli {

/// What a running daemon says of one converger; the words are those of `engine::Condition`.
struct LiveConverger {
  std::string version;
  std::string schedule;  ///< For people.
  std::string state;
  std::string why;
  std::string resolve;
  std::int64_t quarantined = 0;
  bool owned = true;     ///< By that host; else another one runs it.
  bool running = false;  ///< At this moment.
  std::string last_outcome;
  std::optional<std::int64_t> last_pass_us;
  std::optional<std::int64_t> next_us;
};

/// What a running daemon says of itself.
struct LiveStatus {
  bool connected = false;
  std::string server;   ///< That it is connected to, or tries to be.
  std::string trouble;  ///< Why nothing converges now; empty: all is well.
  std::int64_t workers = 0;
  std::int64_t busy = 0;
  std::map<std::string, LiveConverger> convergers;
};

/// Reads the body of `GET /api/v1/status`. Members that are not there keep their defaults. Throws
/// `Error{failure}` when it is no JSON object.
LiveStatus read_status(const std::string& json);

/// Asks the status server at `HOST:PORT` or `unix:PATH`, for two seconds at most. Throws
/// `Error{failure}`.
LiveStatus ask_daemon(const std::string& address);

}  // namespace converge::cli

#pragma once

#include "src/daemon/gatekeeper.h"
#include "src/daemon/metrics.h"
#include "src/daemon/overview.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace converge::daemon {

/// How the status server is reached, and what it reads.
struct StatusServerOptions {
  std::string address = "127.0.0.1:7432";  ///< As `ListeningSocket` takes it.
  bool allow_remote = false;               ///< Also an address that other hosts reach.
  std::vector<std::string> names = {};     ///< More that a Host header may say.
  std::filesystem::path journal = {};
  Gatekeeper::Limits limits = {};
};

/// Tells over HTTP how the daemon is: `/` for people, `/metrics` for Prometheus, `/healthz`,
/// `/readyz`, and JSON below `/api/v1/`. Read-only: whatever it is asked, nothing changes.
///
/// Poco's HTTP server behind a `Gatekeeper`: four threads, however many clients dawdle. Answers
/// from its construction to its end; the end waits for answers that are being given.
class StatusServer {
 public:
  /// `overview` is called by several threads, and should be quick: it is what every page shows. The
  /// metrics outlive the server. Throws as `ListeningSocket` does.
  StatusServer(const StatusServerOptions& options, std::function<Overview()> overview,
               Metrics& metrics);
  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

  /// Where it listens, with the port that was chosen.
  const std::string& address() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace converge::daemon

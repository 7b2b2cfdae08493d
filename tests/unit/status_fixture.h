#pragma once

#include "src/daemon/status_server.h"
#include "tests/unit/journal_fixture.h"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace converge::tests {

/// What a server answered; the header names in lower case.
struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;
  std::string body;
};

/// A status server on a port of its own, over an overview that the test writes and a real journal.
class StatusFixture {
 public:
  StatusFixture();
  /// Ends the server first: it may still be making an answer from what is here.
  ~StatusFixture() { server.reset(); }
  StatusFixture(const StatusFixture&) = delete;
  StatusFixture& operator=(const StatusFixture&) = delete;

  /// Starts it, or again with other options; the journal is the fixture's.
  void start(daemon::StatusServerOptions options);
  void change(const std::function<void(daemon::Overview&)>& how);

  const std::string& address() const { return server->address(); }

  /// One request, by Poco's client.
  HttpAnswer ask(const std::string& path, const std::string& method = "GET") const;
  /// Sends bytes as they are and returns what comes until the server closes, within ten seconds.
  std::string send(const std::string& bytes) const;
  /// An open connection on which nobody has read; closed by the caller.
  int connect() const;

  JournalFixture journal;
  daemon::Metrics metrics;
  std::unique_ptr<daemon::StatusServer> server;

 private:
  mutable std::mutex mutex_;
  daemon::Overview overview_;
};

/// A converger with which all is well.
daemon::ConvergerOverview well(const std::string& name);

/// Whether it becomes true within ten seconds.
bool eventually(const std::function<bool()>& condition);

}  // namespace converge::tests

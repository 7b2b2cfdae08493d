#pragma once

#include <libpq-fe.h>
#include <pqxx/pqxx>

#include <string>

namespace converge::postgres {

/// Connects once. A second call is libpqxx wanting to reconnect silently, and is refused.
class ConnectOnce : public pqxx::connect_direct {
 public:
  explicit ConnectOnce(const std::string& options) : pqxx::connect_direct(options) {}

  handle do_startconnect(handle connection) override {
    if (connection != nullptr) return connection;  // It asks again while it connects.
    if (connected_) throw pqxx::broken_connection("the connection was lost");
    connected_ = true;
    connection_ = pqxx::connect_direct::do_startconnect(connection);
    return connection_;
  }
  handle do_disconnect(handle connection) noexcept override {
    connection_ = nullptr;
    return pqxx::connect_direct::do_disconnect(connection);
  }

  PGconn* connection() const { return connection_; }

 private:
  bool connected_ = false;
  handle connection_ = nullptr;
};

/// A libpqxx connection that also lends its libpq handle, for what libpqxx 6.4 cannot say:
/// the columns of a statement that was not executed.
class Connection : public pqxx::connection_base {
 public:
  explicit Connection(const std::string& options)
      : pqxx::connection_base(policy_), policy_(options) {
    init();
  }
  ~Connection() { close(); }

  /// Null once the connection is closed.
  PGconn* raw() const { return policy_.connection(); }

 private:
  ConnectOnce policy_;
};

}  // namespace converge::postgres

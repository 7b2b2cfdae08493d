#pragma once

#include "src/postgres/session.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace converge::postgres {

/// A transaction block on a session. `begin` travels with the first statement. Destroyed
/// unfinished, it is rolled back; where that fails the session is broken and the server rolls back
/// by itself.
class Transaction {
 public:
  explicit Transaction(Session& session);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Session& session() { return session_; }
  Rows execute(std::string_view sql) { return session_.execute(sql); }
  Rows execute_prepared(const std::string& name, std::span<const std::string> parameters = {}) {
    return session_.execute_prepared(name, parameters);
  }

  /// The transaction id (xid8, decimal); assigns one if the transaction has none yet.
  std::string xid();

  /// Throws `Error{in_doubt}` when the connection is lost before the answer: the transaction may be
  /// committed. Any other error says that it was rolled back.
  void commit();
  void rollback();

 private:
  Session& session_;
  bool finished_ = false;
};

/// What PostgreSQL says of a transaction id.
enum class XactStatus {
  committed,
  aborted,
  in_progress,
  forgotten,         ///< Too old for the server to know.
  not_yet_assigned,  ///< In the server's future.
};

/// Asks `pg_xact_status`.
XactStatus xact_status(Session& session, const std::string& xid);

}  // namespace converge::postgres

#pragma once

#include "src/postgres/pool.h"
#include "src/postgres/session.h"

#include <string>
#include <string_view>
#include <vector>

namespace converge::postgres {

/// A transaction block on a session. `begin` travels with the first statement. Destroyed
/// unfinished, it is rolled back; where that fails the session is broken and the server rolls back
/// by itself.
class Transaction {
 public:
  explicit Transaction(Session& session);
  /// The same, and gives the session back when it is destroyed.
  explicit Transaction(Pool::Lease session);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Session& session() { return session_; }
  Rows execute(std::string_view sql) { return session_.execute(sql); }
  /// One after the other, in one round trip, which also brings the transaction id. The rows of
  /// each.
  std::vector<Rows> execute_all(std::vector<Call> calls);
  /// The same, and the end: rolled back in that round trip, for those who only look.
  std::vector<Rows> execute_all_and_roll_back(std::vector<Call> calls);

  /// The transaction id (xid8, decimal); assigns one if the transaction has none yet.
  std::string xid();

  /// Throws `Error{in_doubt}` when the connection is lost before the answer: the transaction may be
  /// committed. Any other error says that it was rolled back.
  void commit();
  void rollback();

 private:
  std::vector<Rows> execute_all_and(const char* last, std::vector<Call> calls);

  Pool::Lease owned_;  ///< Null when the session is somebody else's.
  Session& session_;
  std::string xid_;  ///< As far as it is known.
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

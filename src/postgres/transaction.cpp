#include "src/postgres/transaction.h"

namespace converge::postgres {

Transaction::Transaction(Session& session) : session_(session) { session_.queue("begin; "); }

Transaction::~Transaction() {
  if (finished_) return;
  try {
    rollback();
  } catch (const Error&) {
    // The session is broken, and whoever uses it next is told.
  }
}

std::string Transaction::xid() {
  session_.prepare("converge_xid", "select pg_current_xact_id()::text");
  return std::string(session_.execute_prepared("converge_xid").at(0, 0).value_or(""));
}

void Transaction::commit() {
  finished_ = true;
  try {
    session_.execute("commit");
  } catch (const Error& error) {
    // Without an answer nobody here knows; after one, the server has rolled back. 40003 says that
    // the server does not know either.
    const bool answered = !error.sqlstate().empty() && error.sqlstate() != "40003";
    if (session_.is_open() && answered) throw;
    throw Error(ErrorKind::in_doubt, error.what(), error.hint(), error.sqlstate());
  }
}

void Transaction::rollback() {
  finished_ = true;
  if (!session_.unqueue() && session_.is_open()) session_.execute("rollback");
}

XactStatus xact_status(Session& session, const std::string& xid) {
  try {
    session.prepare("converge_xact_status", "select pg_xact_status($1::text::xid8)");
    const Rows rows = session.execute_prepared("converge_xact_status", std::span(&xid, 1));
    const auto status = rows.at(0, 0);
    if (status == "committed") return XactStatus::committed;
    if (status == "aborted") return XactStatus::aborted;
    if (status == "in progress") return XactStatus::in_progress;
  } catch (const Error& error) {
    if (error.sqlstate() != "22023") throw;
    return XactStatus::not_yet_assigned;
  }
  return XactStatus::forgotten;
}

}  // namespace converge::postgres

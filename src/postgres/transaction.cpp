#include "src/postgres/transaction.h"

namespace converge::postgres {

namespace {

constexpr const char* kXid = "converge_xid";
constexpr const char* kRollback = "converge_rollback";

}  // namespace

Transaction::Transaction(Session& session) : session_(session) {
  session_.prepare(kXid, "select pg_current_xact_id_if_assigned()::text");
  session_.prepare(kRollback, "rollback");
  session_.queue_begin();
}

Transaction::Transaction(Pool::Lease session) : Transaction(*session) {
  owned_ = std::move(session);
}

Transaction::~Transaction() {
  if (finished_) return;
  try {
    rollback();
  } catch (const Error&) {
    // The session is broken, and whoever uses it next is told.
  }
}

std::vector<Rows> Transaction::execute_all_and(const char* last, std::vector<Call> calls) {
  calls.push_back({.statement = last, .parameters = {}});
  return session_.execute_all(calls);
}

std::vector<Rows> Transaction::execute_all(std::vector<Call> calls) {
  std::vector<Rows> rows = execute_all_and(kXid, std::move(calls));
  xid_ = rows.back().at(0, 0).value_or("");
  rows.pop_back();
  return rows;
}

std::vector<Rows> Transaction::execute_all_and_roll_back(std::vector<Call> calls) {
  std::vector<Rows> rows = execute_all_and(kRollback, std::move(calls));
  finished_ = true;
  rows.pop_back();
  return rows;
}

std::string Transaction::xid() {
  if (xid_.empty()) xid_ = session_.execute("select pg_current_xact_id()").at(0, 0).value_or("");
  return xid_;
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
    const Rows rows = session.execute_prepared("converge_xact_status", {xid});
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

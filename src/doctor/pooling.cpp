#include "src/base/error.h"
#include "src/doctor/server.h"

#include <fmt/core.h>

#include <set>
#include <string>
#include <string_view>

namespace converge::doctor {

namespace {

/// A pooler serves others meanwhile, so one look may miss.
constexpr int kLooks = 5;

constexpr const char* kRemedy =
    "Converge needs sessions of its own, for locks, prepared statements and LISTEN: connect to "
    "PostgreSQL itself, or to a pool with pool_mode = session.";

std::string backend_of(postgres::Session& session) {
  return std::string(session.execute("select pg_backend_pid()").at(0, 0).value_or(""));
}

/// Whether two sessions that are open at once were served by one process. A pooler that gives out
/// its connections by the transaction has given that of the first to the second.
bool share_a_backend(postgres::Session& session, postgres::Session& other) {
  std::set<std::string> own;
  for (int look = 0; look < kLooks; ++look) {
    own.insert(backend_of(session));
    other.execute("begin");
    const std::string others = backend_of(other);
    const bool shared = own.contains(others);
    // A pool of one connection would keep the first waiting: then it has shared it already.
    if (!shared) own.insert(backend_of(session));
    other.execute("rollback");
    if (shared || own.size() > 1) return true;
  }
  return false;
}

}  // namespace

Findings check_pooling(postgres::Session& session, const postgres::ConnectOptions& options,
                       bool pooled) {
  bool by_transaction = false;
  try {
    postgres::Session other(options);
    by_transaction = share_a_backend(session, other);
  } catch (const Error& error) {
    // PgBouncer, of a pool whose connections are lent for a statement each.
    const std::string_view why = error.what();
    if (why.find("statement pooling") == std::string_view::npos) throw;
    by_transaction = true;
  }
  if (by_transaction) {
    return {{.check = "pooling",
             .verdict = Verdict::bad,
             .message = "a pooler such as PgBouncer gives each transaction another session "
                        "(pool_mode = transaction)",
             .remedy = kRemedy}};
  }
  return {{.check = "pooling",
           .message = pooled ? "a pooler is in between, and sessions stay whole"
                             : "the session is the server's own"}};
}

}  // namespace converge::doctor

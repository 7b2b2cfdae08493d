#include "src/postgres/wire.h"

#include "src/postgres/connection_string.h"
#include "src/postgres/errors.h"

#include <libpq-fe.h>

#include <memory>
#include <string_view>

namespace converge::postgres {

namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;
using Options = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

std::string text(const char* value) { return value == nullptr ? "" : value; }

std::string sslmode_of(PGconn* connection) {
  const Options options(PQconninfo(connection), PQconninfoFree);
  for (const auto* one = options.get(); one != nullptr && one->keyword != nullptr; ++one) {
    if (std::string_view(one->keyword) == "sslmode") return text(one->val);
  }
  return {};
}

bool is_served_by_another(PGconn* connection) {
  const Result result(PQexec(connection, "select pg_backend_pid()"), PQclear);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) return false;
  return text(PQgetvalue(result.get(), 0, 0)) != std::to_string(PQbackendPID(connection));
}

}  // namespace

Wire look_at_wire(const ConnectOptions& options) {
  const Connection opened(PQconnectdb(connection_string(options).c_str()), PQfinish);
  PGconn* connection = opened.get();
  if (PQstatus(connection) != CONNECTION_OK) throw connect_error(PQerrorMessage(connection), {});
  const std::string address = text(PQhostaddr(connection));
  Wire wire{.host = text(PQhost(connection)), .sslmode = sslmode_of(connection)};
  wire.local = address.empty() || address.starts_with("127.") || address == "::1";
  if (PQsslInUse(connection) != 0) wire.tls = text(PQsslAttribute(connection, "protocol"));
  wire.gss = PQgssEncInUse(connection) != 0;
  wire.pooled = is_served_by_another(connection);
  return wire;
}

}  // namespace converge::postgres

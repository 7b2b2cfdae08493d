#include "src/postgres/session.h"

#include "src/postgres/connection.h"
#include "src/postgres/connection_string.h"
#include "src/postgres/errors.h"
#include "src/postgres/pipeline.h"
#include "src/postgres/rows_data.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

namespace converge::postgres {

namespace {

/// Of what is not in a transaction that has a deadline of its own.
constexpr std::chrono::milliseconds kStatementTimeout{10'000};

std::string setting_statements(const ConnectOptions& options, int version) {
  // A session that idles in a transaction is one whose client waits for its own disk.
  std::string text = fmt::format(
      "set lock_timeout = {}; set idle_in_transaction_session_timeout = '60s'; "
      "set datestyle = 'ISO'; set intervalstyle = 'postgres'; set bytea_output = 'hex'; "
      "set extra_float_digits = 1; set standard_conforming_strings = on; "
      "set cursor_tuple_fraction = 1; set statement_timeout = {}; "
      // One plan from the first chunk on: the one that `check` looks at.
      "set plan_cache_mode = force_generic_plan; "
      // A host that died without a word gives its locks back within four seconds; the server's
      // own settings wait for two hours. Without effect over a Unix socket.
      "set tcp_keepalives_idle = 1; set tcp_keepalives_interval = 1; "
      "set tcp_keepalives_count = 3; set tcp_user_timeout = 3000; "
      // Else a crash could take back what the journal has as committed.
      "select set_config('synchronous_commit', 'on', false) "
      "where current_setting('synchronous_commit') = 'off'; ",
      options.lock_timeout.count(), kStatementTimeout.count());
  if (version >= 140000) {
    // The session that holds the locks idles for the whole pass.
    text += "set client_connection_check_interval = '500ms'; set idle_session_timeout = 0; ";
  }
  return text;
}

/// In recovery there is no WAL to be written, and so no timeline of it.
constexpr std::string_view kWhoAreYou =
    "select system_identifier::text, pg_is_in_recovery(), "
    "case when pg_is_in_recovery() then 0 else "
    "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end, "
    "current_database(), current_user, pg_stat_get_bgwriter_stat_reset_time()::text "
    "from pg_control_system()";

Error within(const std::string& what, const Error& error) {
  return what.empty() ? error : error.within(what);
}

constexpr std::string_view kConnectionLost = "08006";

/// "cached plan must not change result type", and a prepared statement that somebody deallocated.
bool is_about_preparation(std::string_view sqlstate) {
  return sqlstate == "0A000" || sqlstate == "26000";
}

constexpr int kOldestVersion = 130000;

}  // namespace

class Session::Implementation {
 public:
  explicit Implementation(const ConnectOptions& options) {
    connect(options);
    server_.version = connection_->server_version();
    if (server_.version < kOldestVersion) {
      throw Error(ErrorKind::failure,
                  fmt::format("the server is PostgreSQL {}", server_.version / 10000),
                  "Converge needs PostgreSQL 13 or later.");
    }
    work_.emplace(*connection_);
    const Rows rows =
        execute(setting_statements(options, server_.version) + std::string(kWhoAreYou));
    server_.system_identifier = rows.at(0, 0).value_or("");
    server_.in_recovery = rows.at(0, 1) == "t";
    server_.timeline = std::stoll(std::string(rows.at(0, 2).value_or("0")));
    server_.database = rows.at(0, 3).value_or("");
    server_.user = rows.at(0, 4).value_or("");
    server_.incarnation = rows.at(0, 5).value_or("");
    PGconn* raw = connection_->raw();
    server_.place = fmt::format("database {} at {}:{} as {}", server_.database, PQhost(raw),
                                PQport(raw), server_.user);
  }

  Rows execute(std::string_view sql) {
    queued_.emplace_back(sql);
    const std::string text = fmt::format("{}", fmt::join(std::exchange(queued_, {}), "; "));
    return run([&] { return work_->exec(text); });
  }

  const std::vector<ColumnInfo>& prepare(const std::string& name, const std::string& sql) {
    if (const auto known = prepared_.find(name); known != prepared_.end()) return known->second;
    return prepared_.emplace(name, prepare_and_describe(name, sql)).first->second;
  }

  std::vector<ColumnInfo> prepare_and_describe(const std::string& name, const std::string& sql) {
    send_queued();
    require_open();
    Pipeline pipeline(connection_->raw());
    pipeline.add_prepare(name, sql);
    pipeline.add_describe(name);
    const auto results = pipeline.finish();
    if (results.empty()) throw lost(PQerrorMessage(connection_->raw()));
    for (const PgResult& result : results) require_success(result.get(), sql);
    std::vector<ColumnInfo> columns;
    const PGresult* described = results.back().get();
    for (int i = 0; i < PQnfields(described); ++i) {
      columns.push_back({PQfname(described, i), PQftype(described, i), PQfmod(described, i)});
    }
    return columns;
  }

  std::vector<Rows> execute_all(std::span<const Call> calls) {
    require_open();
    Pipeline pipeline(connection_->raw());
    for (const std::string& statement : queued_) pipeline.add(statement);
    for (const Call& call : calls) pipeline.add_prepared(call.statement, call.parameters);
    const std::size_t before = std::exchange(queued_, {}).size();
    auto results = pipeline.finish();
    if (results.empty()) throw lost(PQerrorMessage(connection_->raw()));
    std::vector<Rows> all;
    for (std::size_t i = 0; i < results.size(); ++i) {
      try {
        require_success(results[i].get(), {});
      } catch (const Error& error) {
        throw i < before ? error : within(calls[i - before].what, error);
      }
      if (i >= before) all.emplace_back(std::make_shared<const Rows::Data>(std::move(results[i])));
    }
    if (all.size() < calls.size()) throw lost(PQerrorMessage(connection_->raw()));
    return all;
  }

  /// What is set before `begin`, in the same round trip, is taken back with the transaction.
  void queue_begin() {
    queued_.emplace_back("begin");
    if (timeout_ == kStatementTimeout) return;
    queued_.push_back(fmt::format("set local statement_timeout = {}", timeout_.count()));
  }

  void check_alive() {
    require_open();
    PGconn* raw = connection_->raw();
    // The server says why it closes before it does: the first call may read that, the next the end.
    for (int call = 0; call < 2; ++call) {
      if (PQconsumeInput(raw) == 0 || PQstatus(raw) != CONNECTION_OK) {
        throw lost(PQerrorMessage(raw));
      }
    }
  }

  std::vector<Notification> take_notifications() {
    check_alive();
    std::vector<Notification> all;
    const auto release = [](PGnotify* notification) { PQfreemem(notification); };
    using Owned = std::unique_ptr<PGnotify, decltype(release)>;
    for (Owned one(PQnotifies(connection_->raw()), release); one;
         one.reset(PQnotifies(connection_->raw()))) {
      all.push_back({.channel = one->relname, .payload = one->extra});
    }
    return all;
  }

  int descriptor() const { return PQsocket(connection_->raw()); }

  bool is_open() const {
    return !lost_ && connection_ && connection_->is_open() && connection_->raw() != nullptr &&
           PQstatus(connection_->raw()) == CONNECTION_OK;
  }

  Server server_;
  std::vector<std::string> queued_;
  std::chrono::milliseconds timeout_{kStatementTimeout};
  bool stale_ = false;

 private:
  void connect(const ConnectOptions& options) {
    const std::string text = connection_string(options);
    try {
      connection_ = std::make_unique<Connection>(text);
    } catch (const pqxx::failure& error) {
      throw connect_error(error.what(), {});
    }
  }

  Error lost(const char* why) {
    lost_ = true;
    return {ErrorKind::transient,
            fmt::format("lost the connection to {}: {}", server_.place,
                        std::string_view(why).substr(0, std::string_view(why).find('\n'))),
            {},
            std::string(kConnectionLost)};
  }

  void require_open() {
    if (!is_open()) throw lost("it was closed");
  }

  void send_queued() {
    if (!queued_.empty()) execute("");
  }

  /// Whatever it says, with the connection gone it is nobody's fault.
  Error if_lost_transient(const Error& error) const {
    return is_open() ? error : as_transient(error);
  }

  static Error as_transient(const Error& error) {
    return {ErrorKind::transient, error.what(), error.hint(), error.sqlstate()};
  }

  [[noreturn]] void throw_current() {
    const Error error = current_error(server_.place);
    lost_ = lost_ || error.sqlstate() == kConnectionLost;
    throw if_lost_transient(error);
  }

  template <typename Action>
  Rows run(const Action& action) {
    require_open();
    try {
      return Rows(std::make_shared<const Rows::Data>(action()));
    } catch (const pqxx::too_many_connections&) {
      throw_current();  // Which libpqxx counts among the broken ones.
    } catch (const pqxx::broken_connection& error) {
      // libpqxx tells what it could not do next, libpq why the connection ended.
      const char* why = connection_->raw() == nullptr ? "" : PQerrorMessage(connection_->raw());
      throw lost(*why == '\0' ? error.what() : why);
    } catch (...) {
      throw_current();
    }
  }

  /// Throws with the line of `sql` that the server points at, when that is given.
  void require_success(const PGresult* result, std::string_view sql) {
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return;
    const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (sqlstate == nullptr) throw lost(PQresultErrorMessage(result));
    Error error = if_lost_transient(server_error(PQresultErrorMessage(result), sqlstate));
    // Nobody's fault either: another session fares better.
    if (sql.empty() && is_about_preparation(sqlstate)) {
      stale_ = true;
      error = as_transient(error);
    }
    const char* position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    if (position == nullptr || sql.empty()) throw error;
    // The position counts characters; line breaks are single bytes, so bytes can be walked over.
    std::size_t characters = std::stoul(position) - 1;
    std::size_t line = 1;
    for (const char c : sql) {
      if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U && characters-- == 0) break;
      if (c == '\n') ++line;
    }
    throw error.within(fmt::format("line {}", line));
  }

  std::unique_ptr<Connection> connection_;
  std::optional<pqxx::nontransaction> work_;  // After the connection: it must go first.
  std::unordered_map<std::string, std::vector<ColumnInfo>> prepared_;
  // libpq calls a connection open that it failed to write to, until it has read its end.
  bool lost_ = false;
};

Session::Session(const ConnectOptions& options)
    : implementation_(std::make_unique<Implementation>(options)) {}
Session::~Session() = default;

const Server& Session::server() const { return implementation_->server_; }
bool Session::is_open() const { return implementation_->is_open(); }
bool Session::is_stale() const { return implementation_->stale_; }
Rows Session::execute(std::string_view sql) { return implementation_->execute(sql); }
const std::vector<ColumnInfo>& Session::prepare(const std::string& name, const std::string& sql) {
  return implementation_->prepare(name, sql);
}
std::vector<ColumnInfo> Session::describe(const std::string& sql) {
  return implementation_->prepare_and_describe("", sql);
}
Rows Session::execute_prepared(const std::string& name, std::vector<std::string> parameters) {
  const Call call{.statement = name, .parameters = std::move(parameters)};
  return implementation_->execute_all(std::span(&call, 1)).front();
}
std::vector<Rows> Session::execute_all(std::span<const Call> calls) {
  return implementation_->execute_all(calls);
}
void Session::set_statement_timeout(std::chrono::milliseconds timeout) {
  implementation_->timeout_ = timeout;
}
void Session::queue_begin() { implementation_->queue_begin(); }
void Session::queue(std::string sql) { implementation_->queued_.push_back(std::move(sql)); }
bool Session::unqueue() { return !std::exchange(implementation_->queued_, {}).empty(); }
void Session::check_alive() { implementation_->check_alive(); }
int Session::descriptor() const { return implementation_->descriptor(); }
std::vector<Notification> Session::take_notifications() {
  return implementation_->take_notifications();
}

std::string quote_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string quote_literal(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

void append_array_element(std::string& array, std::optional<std::string_view> value) {
  array += array.empty() ? '{' : ',';
  if (!value) {
    array += "NULL";
    return;
  }
  array += '"';
  for (const char c : *value) {
    if (c == '"' || c == '\\') array += '\\';
    array += c;
  }
  array += '"';
}

void close_array(std::string& array) { array += array.empty() ? "{}" : "}"; }

}  // namespace converge::postgres

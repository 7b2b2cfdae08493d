#pragma once

#include "src/base/error.h"
#include "src/postgres/rows.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace converge::postgres {

/// Where to connect and how patient to be.
struct ConnectOptions {
  std::string url;  ///< A libpq connection string or URI; what it leaves out, libpq's PG* say.
  bool environment_first = false;  ///< What PG* say goes before the URL.
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds lock_timeout{2'000};
};

/// Throws `Error{usage}`, as connecting would, when libpq cannot read the connection string.
void require_readable_url(const std::string& url);

/// What a session is connected to.
struct Server {
  std::string system_identifier;  ///< Of the cluster; the same on a standby.
  std::int64_t timeline = 0;      ///< 0 while in recovery.
  /// Another one after each recovery from a crash, in which transaction ids that were never written
  /// out are given to others: the time since when the server counts its statistics, which a crash
  /// throws away (PostgreSQL's manual, 28.2.2) and a clean restart keeps.
  std::string incarnation;
  bool in_recovery = false;
  int version = 0;  ///< As server_version_num: 150004.
  std::string database;
  std::string user;
  std::string place;  ///< `database shop at /run/postgresql:5432 as alice`, never a password.
};

/// A column that a statement would return.
struct ColumnInfo {
  std::string name;
  std::uint32_t type = 0;  ///< The type's oid; a domain's base type.
  int modifier = -1;       ///< Of the type: a length, a precision.
};

/// A prepared statement to be executed.
struct Call {
  std::string statement;                ///< Its name.
  std::vector<std::string> parameters;  ///< In PostgreSQL's text form.
  std::string what = {};                ///< In front of an error: `step archive clusters`.
};

/// What a NOTIFY of some session brought.
struct Notification {
  std::string channel;
  std::string payload;
};

/// One connection, never reconnected behind the caller's back: libpqxx 6.4 would do so silently,
/// losing prepared statements, settings and locks. A session that broke stays broken.
///
/// Sets application_name, statement_timeout, lock_timeout, idle_in_transaction_session_timeout,
/// client_connection_check_interval (PostgreSQL 14 and later) and TCP keepalives, so that a dead
/// peer is noticed on either side, by the server within four seconds, and the text formats that
/// journaled values are written in.
///
/// Every call throws `Error`: `transient` for a lost connection, a deadlock, a serialization
/// failure, a lock timeout, too many connections or a shutdown; `failure` otherwise.
class Session {
 public:
  explicit Session(const ConnectOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Server& server() const;
  bool is_open() const;
  /// Whether what was prepared no longer fits the schema: the next user needs another session.
  bool is_stale() const;

  /// Runs SQL text, possibly several statements, in one round trip; the rows of the last one.
  Rows execute(std::string_view sql);

  /// Prepares a statement under a name, once; later calls with the same name do nothing. Nothing is
  /// executed. The columns that it will return. Refused statements throw; the error's message then
  /// begins with `line N: ` (1-based) when the server said where.
  const std::vector<ColumnInfo>& prepare(const std::string& name, const std::string& sql);
  /// The same without a name, to be forgotten.
  std::vector<ColumnInfo> describe(const std::string& sql);

  Rows execute_prepared(const std::string& name, std::vector<std::string> parameters = {});
  /// One after the other, in one round trip; the first that fails ends it. The rows of each.
  std::vector<Rows> execute_all(std::span<const Call> calls);

  /// The deadline of each statement of the transactions that are begun from now on, kept by the
  /// server; it travels with their beginning. Other statements have ten seconds.
  void set_statement_timeout(std::chrono::milliseconds timeout);

  /// Puts the beginning of a transaction before the next statement, as `queue` does.
  void queue_begin();
  /// Puts a statement before the next one, in the same round trip.
  void queue(std::string sql);
  /// Takes back what was queued and not yet sent; false when there was nothing.
  bool unqueue();

  /// Throws when the server has closed the connection; without a round trip.
  void check_alive();

  /// Readable, as poll(2) says, when there may be notifications to take.
  int descriptor() const;
  /// Those that have arrived; without a round trip. Throws when the connection is lost.
  std::vector<Notification> take_notifications();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// Whether an error is about the data of a subject (a constraint, a conversion, a raised
/// exception), so that other subjects may fare better, by its SQLSTATE.
bool is_about_data(const Error& error);

/// Stands in an error's message between PostgreSQL's words and its detail, which quotes values.
inline constexpr std::string_view kDetailMark = "; detail: ";

/// An identifier in double quotes.
std::string quote_name(std::string_view name);
/// A string constant, in quotes.
std::string quote_literal(std::string_view text);

/// Appends one element to the text form of an array (PostgreSQL's manual, 8.15.6); begin with an
/// empty text, end with `close_array`.
void append_array_element(std::string& array, std::optional<std::string_view> value);
void close_array(std::string& array);

}  // namespace converge::postgres

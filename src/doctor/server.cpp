#include "src/doctor/server.h"

#include "src/base/clock.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <poll.h>
#include <string>
#include <unistd.h>

namespace converge::doctor {

namespace {

/// How long a NOTIFY may take to come back.
constexpr std::chrono::milliseconds kNotified{2'000};

/// Beyond this, times in the journal and in the server's log do not fit together any more ...
constexpr double kNoticed_ms = 2'000;
/// ... and beyond this, certificates and releases are taken for expired, or for not yet valid.
constexpr double kHarmful_ms = 300'000;

std::string text_at(const postgres::Rows& rows, std::size_t column) {
  return std::string(rows.at(0, column).value_or(""));
}

std::int64_t number_at(const postgres::Rows& rows, std::size_t column) {
  return std::strtoll(text_at(rows, column).c_str(), nullptr, 10);
}

std::string version_text(int version) {
  return fmt::format("PostgreSQL {}.{}", version / 10000, version % 10000);
}

}  // namespace

Findings check_server(postgres::Session& session) {
  const postgres::Server& server = session.server();
  const std::string version = version_text(server.version);
  if (session.execute("select pg_is_in_recovery()").at(0, 0) == "t") {
    return {{.check = "server",
             .verdict = Verdict::bad,
             .message = version + ", a standby, which cannot be written to",
             .remedy = "Connect to the primary, or name all hosts with "
                       "target_session_attrs=read-write."}};
  }
  if (session.execute("show default_transaction_read_only").at(0, 0) == "on") {
    return {{.check = "server",
             .verdict = Verdict::bad,
             .message = fmt::format("{}; transactions of {} in {} are read-only", version,
                                    server.user, server.database),
             .remedy = "Look for default_transaction_read_only in `alter role`, `alter database` "
                       "and postgresql.conf."}};
  }
  return {{.check = "server", .message = version + ", a primary"}};
}

Finding judge_wire(const postgres::Wire& wire) {
  const bool verified = wire.sslmode == "verify-full" || wire.sslmode == "verify-ca";
  if (!wire.tls.empty() && verified) {
    return {.check = "tls",
            .message = fmt::format("{}, and the server proved who it is (sslmode={})", wire.tls,
                                   wire.sslmode)};
  }
  if (wire.gss) return {.check = "tls", .message = "encrypted by GSSAPI"};
  if (wire.local) {
    return {.check = "tls", .message = "not needed: the connection stays on this machine"};
  }
  const std::string what =
      wire.tls.empty() ? fmt::format("the connection to {} is not encrypted (sslmode={})",
                                     wire.host, wire.sslmode)
                       : fmt::format("{}, but anybody could answer in the place of {} (sslmode={})",
                                     wire.tls, wire.host, wire.sslmode);
  return {.check = "tls",
          .verdict = Verdict::warning,
          .message = what,
          .remedy =
              "Connect with sslmode=verify-full, and sslrootcert=FILE for the authority that "
              "signed the server's certificate."};
}

Findings check_listen(postgres::Session& session, bool listens) {
  const std::string channel = fmt::format("converge_doctor_{}_{}", getpid(), wall_time_us());
  session.execute("listen " + channel);
  session.execute("notify " + channel);
  const auto end = Clock::now() + kNotified;
  bool came = false;
  while (!came && Clock::now() < end) {
    for (const auto& one : session.take_notifications()) came = came || one.channel == channel;
    pollfd ready{.fd = session.descriptor(), .events = POLLIN, .revents = 0};
    if (!came) poll(&ready, 1, 50);
  }
  session.execute("unlisten " + channel);
  if (came) return {{.check = "listen", .message = "a NOTIFY comes back"}};
  return {{.check = "listen",
           .verdict = listens ? Verdict::bad : Verdict::warning,
           .message = "a NOTIFY does not come back, so `listen` wakes no converger",
           .remedy = "Connect to PostgreSQL itself, or to a pooler in session mode. Until then "
                     "convergers run on their timers alone."}};
}

Findings check_connections(postgres::Session& session, const config::Config& config) {
  const auto rows = session.execute(R"sql(
select current_setting('max_connections')::int
       - case when r.rolsuper then 0
         else current_setting('superuser_reserved_connections')::int
              + coalesce(current_setting('reserved_connections', true)::int, 0) end
       - (select count(*) from pg_stat_activity where backend_type = 'client backend'),
       current_setting('max_connections')::int,
       case when r.rolsuper or r.rolconnlimit < 0 then null else r.rolconnlimit
         - (select count(*) from pg_stat_activity a where a.usesysid = r.oid) end,
       case when r.rolsuper or d.datconnlimit < 0 then null else d.datconnlimit
         - (select count(*) from pg_stat_activity a where a.datid = d.oid) end,
       (select count(*) from pg_stat_activity a where a.usesysid = r.oid and a.datid = d.oid
          and a.application_name = 'converge')
from pg_roles r, pg_database d
where r.rolname = current_user and d.datname = current_database())sql");
  // Those that converge has already, this one among them, are no more to come.
  const std::int64_t needed = config.daemon.connections + 2;
  const std::int64_t own = number_at(rows, 4);
  struct Bound {
    std::int64_t left;
    std::string of;
    std::string remedy;
  };
  std::vector<Bound> bounds = {{number_at(rows, 0),
                                fmt::format("of the server's {}", number_at(rows, 1)),
                                "Raise max_connections, or lower [daemon] connections."}};
  if (rows.at(0, 2)) {
    bounds.push_back(
        {number_at(rows, 2), "for the role " + session.server().user,
         fmt::format("Run: alter role {} connection limit N, or lower [daemon] connections.",
                     postgres::quote_name(session.server().user))});
  }
  if (rows.at(0, 3)) {
    bounds.push_back(
        {number_at(rows, 3), "for the database " + session.server().database,
         fmt::format("Run: alter database {} connection limit N, or lower [daemon] connections.",
                     postgres::quote_name(session.server().database))});
  }
  const auto least = std::min_element(bounds.begin(), bounds.end(),
                                      [](const auto& a, const auto& b) { return a.left < b.left; });
  const std::string message =
      fmt::format("{} free {}; a daemon uses {}, and converge has {} now",
                  std::max<std::int64_t>(least->left, 0), least->of, needed, own);
  if (least->left + own >= needed) return {{.check = "connections", .message = message}};
  return {{.check = "connections",
           .verdict = Verdict::warning,
           .message = message,
           .remedy = least->remedy}};
}

Finding judge_clock(const std::string& whose, double behind_ms, double doubt_ms) {
  const double apart = std::max(std::abs(behind_ms) - doubt_ms, 0.0);
  if (apart < kNoticed_ms) {
    return {.check = "clock", .message = fmt::format("agrees with that of {}", whose)};
  }
  const auto rounded = std::chrono::milliseconds(std::llround(std::abs(behind_ms) / 1000) * 1000);
  return {.check = "clock",
          .verdict = apart < kHarmful_ms ? Verdict::warning : Verdict::bad,
          .message = fmt::format("this host is {} {} {}", format_duration(rounded),
                                 behind_ms > 0 ? "ahead of" : "behind", whose),
          .remedy =
              "Find out which of the two is wrong: `timedatectl` tells whether a host is "
              "synchronized."};
}

Findings check_clock(postgres::Session& session) {
  const std::int64_t before = wall_time_us();
  const auto rows =
      session.execute("select (extract(epoch from clock_timestamp()) * 1000000)::bigint");
  const std::int64_t after = wall_time_us();
  const double middle = static_cast<double>(before + after) / 2;
  const double behind = (middle - static_cast<double>(number_at(rows, 0))) / 1000;
  return {judge_clock("the server", behind, static_cast<double>(after - before) / 2000)};
}

}  // namespace converge::doctor

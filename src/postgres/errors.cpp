#include "src/postgres/errors.h"

#include "src/base/text.h"
#include "src/postgres/session.h"

#include <fmt/core.h>
#include <pqxx/pqxx>

#include <algorithm>
#include <array>
#include <cctype>

namespace converge::postgres {

namespace {

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

/// Errors that say nothing about the definition or its data (PostgreSQL's manual, appendix A):
/// serialization failure, deadlock, lock timeout, connection exceptions, shutdown, starting up, too
/// many connections.
bool is_transient(std::string_view sqlstate) {
  return starts_with_any(sqlstate, {"40", "55P03", "08", "57P01", "57P02", "57P03", "53300"});
}

std::string hint_for(std::string_view sqlstate) {
  if (sqlstate == "42501") return "Grant the right to the role that converge connects as.";
  if (sqlstate == "57014") {
    return "Raise `timeout` in the definition, make `chunk` smaller, or add the index that the "
           "statement lacks; `converge check` tells which statements scan large tables.";
  }
  if (sqlstate == "25006") return "Connect to the primary; a standby cannot be written to.";
  if (sqlstate == "42P01" || sqlstate == "42703" || sqlstate == "42883") {
    return "Compare the definition with the schema; `converge check` shows the line.";
  }
  if (sqlstate == "55P03") return "Another session holds the row; look for it in pg_stat_activity.";
  return {};
}

/// "ERROR:  text\nDETAIL:  more\nCONTEXT: ..." becomes "text; detail: more", and what libpq says of
/// several servers is told apart. Its question, "\tIs the server running ...?", is in the hint.
std::string condense(std::string_view message) {
  std::string condensed;
  bool wanted = true;
  while (!message.empty()) {
    const auto end = message.find('\n');
    std::string_view line = message.substr(0, end);
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
    const auto colon = line.find(":  ");
    const bool labelled = colon != std::string_view::npos &&
                          std::all_of(line.begin(), line.begin() + static_cast<long>(colon),
                                      [](unsigned char c) { return std::isupper(c) != 0; });
    if (labelled) {
      const std::string_view label = line.substr(0, colon);
      wanted = label == "ERROR" || label == "FATAL" || label == "PANIC" || label == "DETAIL";
      line.remove_prefix(colon + 3);
    } else if (line.starts_with("LINE ")) {
      wanted = false;
    }
    if (!wanted || trim(line).empty() || line.starts_with("\tIs the server running")) continue;
    const bool is_another = line.starts_with("connection to server");
    if (!condensed.empty()) condensed += labelled ? kDetailMark : is_another ? "; " : " ";
    condensed += trim(line);
  }
  return condensed;
}

std::string without_final_stop(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

Error server_error(std::string_view message, const std::string& sqlstate) {
  const ErrorKind kind = is_transient(sqlstate) ? ErrorKind::transient : ErrorKind::failure;
  return {kind, without_final_stop(condense(message)), hint_for(sqlstate), sqlstate};
}

Error connect_error(std::string_view message, const std::string& sqlstate) {
  std::string text = without_final_stop(condense(message));
  const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  std::string hint =
      "Check --database, CONVERGE_DATABASE, [database] url in the configuration, or "
      "libpq's PGHOST, PGPORT, PGDATABASE and PGUSER.";
  if (has("certificate") || has("root certificate file")) {
    hint =
        "Give the authority that signed the server's certificate with sslrootcert, and the name "
        "that it is made out to as the host.";
  } else if (has("password")) {
    hint = "Put the password into ~/.pgpass (mode 0600) or PGPASSWORD, and check the user name.";
  } else if (has("Connection refused") || has("No such file or directory")) {
    hint = "Is PostgreSQL running there? " + hint;
  }
  return {ErrorKind::transient, "cannot connect: " + text, hint,
          sqlstate.empty() ? "08001" : sqlstate};
}

Error current_error(std::string_view place) {
  const auto lost = [&](const char* why) {
    return Error(ErrorKind::transient,
                 fmt::format("lost the connection to {}: {}", place, condense(why)), {}, "08006");
  };
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const pqxx::too_many_connections& error) {
    return server_error(error.what(), "53300");
  } catch (const pqxx::broken_connection& error) {
    return lost(error.what());
  } catch (const pqxx::serialization_failure& error) {
    return server_error(error.what(), "40001");
  } catch (const pqxx::deadlock_detected& error) {
    return server_error(error.what(), "40P01");
  } catch (const pqxx::statement_completion_unknown& error) {
    return server_error(error.what(), "40003");
  } catch (const pqxx::transaction_rollback& error) {
    return server_error(error.what(), "40000");
  } catch (const pqxx::insufficient_privilege& error) {
    return server_error(error.what(), "42501");
  } catch (const pqxx::sql_error& error) {
    // Every error of the server has a code; this one is libpq's.
    if (error.sqlstate().empty()) return lost(error.what());
    return server_error(error.what(), error.sqlstate());
  } catch (const std::exception& error) {
    return {ErrorKind::failure, fmt::format("{}: {}", place, condense(error.what()))};
  }
}

bool is_about_data(const Error& error) {
  const std::string& sqlstate = error.sqlstate();
  // Classes from I to Z are for applications to give (ISO 9075), but for PostgreSQL's own P0 and
  // XX.
  const bool of_application = sqlstate.size() == 5 && sqlstate[0] >= 'I' && sqlstate[0] <= 'Z' &&
                              !sqlstate.starts_with("XX");
  return of_application ||
         starts_with_any(sqlstate, {"09", "21", "22", "23", "27", "38", "39", "44", "54"});
}

}  // namespace converge::postgres

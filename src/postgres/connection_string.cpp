#include "src/postgres/connection_string.h"

#include <fmt/core.h>
#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace converge::postgres {

namespace {

struct ConninfoFree {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

std::string quote_option(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

/// What libpq says of a connection string, up to where it begins to quote it: the password may be
/// anywhere in what could not be read. Single characters and the names of options are no secret.
std::string without_secrets(std::string_view why) {
  why = why.substr(0, why.find('\n'));
  if (why.starts_with("invalid connection option") ||
      why.starts_with("invalid URI query parameter")) {
    return std::string(why);
  }
  auto quote = why.find('"');
  while (quote != std::string_view::npos && why.substr(quote + 2, 1) == "\"") {
    quote = why.find('"', quote + 3);
  }
  why = why.substr(0, quote);
  return std::string(why.substr(0, why.find_last_not_of(" :") + 1));
}

using Conninfo = std::unique_ptr<PQconninfoOption, ConninfoFree>;

Conninfo parse_url(const std::string& url) {
  char* problem = nullptr;
  Conninfo parsed(PQconninfoParse(url.c_str(), &problem));
  if (parsed) return parsed;
  const std::string why = problem == nullptr ? "out of memory" : problem;
  PQfreemem(problem);
  throw Error(ErrorKind::usage, "cannot read the database URL: " + without_secrets(why),
              "Write it as postgresql://USER@HOST:PORT/DATABASE or as host=... dbname=...");
}

}  // namespace

void require_readable_url(const std::string& url) { parse_url(url); }

bool has_password(const std::string& url) {
  const Conninfo parsed = parse_url(url);
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    if ((keyword == "password" || keyword == "sslpassword") && option->val != nullptr) return true;
  }
  return false;
}

std::string connection_string(const ConnectOptions& options) {
  const Conninfo parsed = parse_url(options.url);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.connect_timeout).count();
  std::vector<std::pair<std::string, std::string>> ours = {
      {"application_name", "converge"},
      {"client_encoding", "UTF8"},
      {"connect_timeout", fmt::format("{}", std::max<long>(seconds, 2))},
      {"keepalives_idle", "5"},
      {"keepalives_interval", "2"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", "15000"}};
  std::string text;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    const std::string keyword = option->keyword;
    const bool set = option->envvar != nullptr && std::getenv(option->envvar) != nullptr;
    // Bytes that are not UTF-8 could not be journaled.
    if (keyword == "client_encoding") continue;
    if (set && (options.environment_first || option->val == nullptr)) {
      std::erase_if(ours, [&](const auto& own) { return own.first == keyword; });
      continue;
    }
    if (option->val == nullptr) continue;
    std::erase_if(ours, [&](const auto& own) { return own.first == keyword; });
    text += fmt::format("{}={} ", keyword, quote_option(option->val));
  }
  for (const auto& [keyword, value] : ours) text += fmt::format("{}={} ", keyword, value);
  return text;
}

ConnectOptions with_database(const ConnectOptions& options, const std::string& database) {
  ConnectOptions other = options;
  // Of an option that is given twice, libpq takes the second.
  other.url = connection_string(options) + "dbname=" + quote_option(database);
  other.environment_first = false;
  return other;
}

}  // namespace converge::postgres

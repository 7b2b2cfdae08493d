#include "tests/bench/session.h"

#include <poll.h>
#include <stdexcept>

namespace converge::bench {

Session::Session(const std::string& url) : connection_(::PQconnectdb(url.c_str()), ::PQfinish) {
  if (::PQstatus(connection_.get()) != CONNECTION_OK) {
    throw std::runtime_error(::PQerrorMessage(connection_.get()));
  }
}

std::string Session::execute(const std::string& sql) {
  return first_value(::PQexec(connection_.get(), sql.c_str()));
}

void Session::prepare(const std::string& name, const std::string& sql) {
  first_value(::PQprepare(connection_.get(), name.c_str(), sql.c_str(), 0, nullptr));
}

std::string Session::execute_prepared(const std::string& name, const std::string& parameter) {
  const char* value = parameter.c_str();
  return first_value(
      ::PQexecPrepared(connection_.get(), name.c_str(), 1, &value, nullptr, nullptr, 0));
}

std::optional<std::string> Session::notification(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (::PQconsumeInput(connection_.get()) == 0) {
      throw std::runtime_error(::PQerrorMessage(connection_.get()));
    }
    const std::unique_ptr<PGnotify, decltype(&::PQfreemem)> notify(::PQnotifies(connection_.get()),
                                                                   ::PQfreemem);
    if (notify) return notify->extra;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return std::nullopt;
    pollfd in{.fd = ::PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
    ::poll(&in, 1, static_cast<int>(left.count()));
  }
}

std::string Session::first_value(PGresult* result) const {
  const std::unique_ptr<PGresult, decltype(&::PQclear)> owned(result, ::PQclear);
  const auto status = ::PQresultStatus(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    throw std::runtime_error(::PQerrorMessage(connection_.get()));
  }
  return ::PQntuples(result) > 0 ? ::PQgetvalue(result, 0, 0) : "";
}

}  // namespace converge::bench

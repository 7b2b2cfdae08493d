#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace converge::bench {

/// A connection by nothing but libpq. Throws `std::runtime_error` with what the server says.
class Session {
 public:
  explicit Session(const std::string& url);

  /// The first column of the first row; empty when there is none.
  std::string execute(const std::string& sql);
  void prepare(const std::string& name, const std::string& sql);
  std::string execute_prepared(const std::string& name, const std::string& parameter);

  /// The payload of the next notification, waited for in poll(2).
  std::optional<std::string> notification(std::chrono::milliseconds patience);

 private:
  std::string first_value(PGresult* result) const;

  std::unique_ptr<PGconn, decltype(&::PQfinish)> connection_;
};

}  // namespace converge::bench

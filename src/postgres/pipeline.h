#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace converge::postgres {

struct ResultClear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, ResultClear>;

/// Statements that travel to the server together and run there one after the other, in libpq's
/// pipeline mode (its manual, 34.5), which libpqxx 6.4 does not offer. The first that fails keeps
/// those after it from running. For one batch; the connection must be idle and stay alive.
class Pipeline {
 public:
  explicit Pipeline(PGconn* connection);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  void add(const std::string& sql);
  void add_prepared(const std::string& name, const std::vector<std::string>& parameters);
  void add_prepare(const std::string& name, const std::string& sql);
  void add_describe(const std::string& name);

  /// Sends everything and waits. The results in order, up to that of the first that failed; fewer
  /// than that when the connection was lost.
  std::vector<PgResult> finish();

 private:
  void added(int accepted);
  void send();

  PGconn* connection_;
  std::size_t size_ = 0;
  bool refused_ = false;
};

}  // namespace converge::postgres

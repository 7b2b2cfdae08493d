#pragma once

#include "src/postgres/session.h"
#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

#include <functional>
#include <string>

namespace converge::tests {

struct SessionWorld : World {
  std::string pid_of(postgres::Session& session) const {
    return std::string(session.execute("select pg_backend_pid()").at(0, 0).value_or(""));
  }
  void terminate(const std::string& pid) const {
    sql("select pg_terminate_backend(" + pid + ")");
    wait_until("the end of the session",
               [&] { return count("pg_stat_activity where pid = " + pid) == 0; });
  }
  std::string ask(postgres::Session& session, const std::string& query) const {
    return std::string(session.execute(query).at(0, 0).value_or("null"));
  }
};

/// Whether a call tells that the connection is lost.
inline bool is_noticed(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    BOOST_TEST((error.kind() == ErrorKind::transient));
    return true;
  }
  return false;
}

}  // namespace converge::tests

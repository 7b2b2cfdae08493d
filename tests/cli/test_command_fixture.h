#pragma once

#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace converge::tests {

inline const std::string kFind =
    "-- find:\nselect id from account where archived_at is not null;\n";
inline const std::string kArchive =
    kFind +
    "-- step: archive clusters\n"
    "update cluster set archived_at = now() from subject\n"
    "where cluster.account_id = subject.id and cluster.archived_at is null\n"
    "returning subject.id, cluster.id as cluster;\n";

/// Accounts 1 and 2, both archived; the first has two clusters.
inline const std::string kGiven =
    "-- given:\n"
    "insert into account (id, email, name, created_at, archived_at) overriding system value\n"
    "select n, n || '@example.com', 'Account', now() - interval '1 year', now()\n"
    "from generate_series(1, 2) n;\n"
    "insert into cluster (id, account_id, name, region, plan) overriding system value\n"
    "values (11, 1, 'a', 'eu-west-1', 'starter'), (12, 1, 'b', 'eu-west-1', 'starter');\n";
inline const std::string kExpect = "-- expect: subject 1, step archive clusters, 2 changes\n";
inline const std::string kAsk =
    "-- then:\nselect id, archived_at is null from cluster order by id;\n-- is:\n";

struct Tests : Cli {
  Tests() { define("archive", kArchive); }
  ~Tests() {
    BOOST_TEST(sql("select (select count(*) from account) + (select count(*) from cluster)") ==
               "0");
    BOOST_TEST(sql("select count(*) from pg_database where datname like 'converge_test%'") == "0");
    BOOST_TEST(audited_rows() == "0");
    BOOST_TEST(!has_journal());
  }

  std::string write(const std::string& text, const std::string& name = "archive") const {
    return directory.write("convergers/" + name + ".test.sql", text).string();
  }

  /// That the case fails, and what is printed for it, without times and the file's name.
  void require_failed(const std::string& text, const std::string& shown) const {
    const auto file = write(text);
    const auto result = call({"test", file});
    BOOST_TEST_CONTEXT(result.out << result.err) {
      BOOST_TEST(result.status == 1);
      auto out = timeless(result.out);
      for (auto at = out.find(file); at != std::string::npos; at = out.find(file)) {
        out.replace(at, file.size(), "FILE");
      }
      BOOST_TEST(out == "archive\n  ✗ archive (T)\n" + shown + "1 case, 1 failed (T)\n");
    }
  }
};

}  // namespace converge::tests

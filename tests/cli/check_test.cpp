#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

struct Check : Cli {
  Check() {
    add_accounts(3);
    archive_accounts();
  }
  ~Check() {
    BOOST_TEST(audited_rows() == "0");
    BOOST_TEST(!has_journal());
  }

  /// That the definition is refused at the line, with this message, and that a good one beside it
  /// is still called good.
  void require_refused(const std::string& text, int line, const std::string& message) {
    const auto file = define("bad", text);
    define("good", archiver(""));
    const auto result = call({"check"});
    BOOST_TEST_CONTEXT(result.err) {
      BOOST_TEST(result.status == 1);
      BOOST_TEST(result.out == "good  good\n");
      BOOST_REQUIRE(!lines(result.err).empty());
      BOOST_TEST(lines(result.err)[0].starts_with("converge: error: " + file.string() + ":" +
                                                  std::to_string(line) + ":"));
      BOOST_TEST(contains(lines(result.err)[0], message));
    }
    const auto json = call({"check", "bad", "-o", "json"});
    BOOST_TEST(json.status == 1);
    BOOST_TEST(member(json.out, "verdict") == "bad");
    BOOST_TEST(contains(member(json.out, "message"), message));
  }
};

const std::string kFind = "-- find:\nselect id, email as label from account;\n\n";

BOOST_FIXTURE_TEST_SUITE(check, Check)

BOOST_AUTO_TEST_CASE(good_definitions_are_good) {
  define("archive_account", bundled());
  define("archive", archiver(""));
  const auto result = call({"check"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.out == "archive  good\narchive_account  good\n");
  BOOST_TEST(result.err == "");
  BOOST_TEST(call({"check", "archive"}).out == "archive  good\n");
  const auto json = call({"check", "archive", "-o", "json"});
  BOOST_TEST(json.out == "{\"converger\":\"archive\",\"verdict\":\"good\",\"warnings\":[]}\n");
}

BOOST_AUTO_TEST_CASE(step_that_returns_nothing_is_refused) {
  require_refused(kFind +
                      "-- step: s\nupdate cluster set name = name\nfrom subject\n"
                      "where account_id = subject.id;\n",
                  5, "step s: it returns no columns");
}

BOOST_AUTO_TEST_CASE(key_of_another_type_is_refused) {
  require_refused(kFind +
                      "-- step: s\nupdate cluster set name = name\nfrom subject\n"
                      "where account_id = subject.id\nreturning cluster.name;\n",
                  5, "step s: its first column, name, is of type text; the key, id, is bigint");
}

BOOST_AUTO_TEST_CASE(missing_table_is_refused_at_its_own_line) {
  require_refused(kFind +
                      "-- step: s\nupdate cluster set name = name\nfrom subject,\n"
                      "  nowhere\nreturning subject.id;\n",
                  7, "relation \"nowhere\" does not exist");
}

BOOST_AUTO_TEST_CASE(missing_column_of_find_is_refused_at_its_own_line) {
  require_refused(
      "-- find:\nselect id,\n  colour\nfrom account;\n-- step: s\n"
      "select id from subject;\n",
      3, "column \"colour\" does not exist");
}

BOOST_AUTO_TEST_CASE(syntax_error_is_refused) {
  require_refused(kFind + "-- step: s\nupdate cluster sett name = 'x';\n", 5, "syntax error");
}

BOOST_AUTO_TEST_CASE(column_that_stands_twice_in_find_is_refused) {
  require_refused("-- find:\nselect id, id from account;\n-- step: s\nselect id from subject;\n", 2,
                  "it returns the column id twice");
}

BOOST_AUTO_TEST_CASE(broken_file_is_refused_with_a_caret) {
  require_refused("-- chunk: many\n" + kFind + "-- step: s\nselect id from subject;\n", 1, "chunk");
  const auto all = lines(call({"check", "bad"}).err);
  BOOST_TEST(all.at(1) == "    -- chunk: many");
  BOOST_TEST(all.at(2) == "              ^");
}

BOOST_AUTO_TEST_CASE(missing_right_is_told) {
  define("archive", archiver(""));
  const auto role = "checker_" + database;
  sql("create role " + role + " login; grant select on all tables in schema public to " + role);
  const auto result = call({"check", "--database", cluster.url(database, role)});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "archive.sql:"), result.err);
  BOOST_TEST(contains(result.err, ": step archive clusters: permission denied for table cluster"),
             result.err);
  BOOST_TEST(contains(result.err, "converge: hint: Grant the right"));
}

BOOST_AUTO_TEST_CASE(database_that_is_down_is_one_error) {
  define("archive", archiver(""));
  const auto result =
      call({"check", "--database", "postgresql:///x?host=" + directory.path().string()});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(result.out == "");
  BOOST_TEST(lines(result.err).size() == 2u);
  BOOST_TEST(result.err.starts_with("converge: error: cannot connect: "));
}

BOOST_AUTO_TEST_CASE(scan_of_a_large_table_is_warned_of) {
  sql("insert into account (email, name) select 'b' || n || '@example.com', 'x' "
      "from generate_series(1, 12000) n; analyze account");
  const auto slow =
      define("slow",
             "-- find:\nselect id\nfrom account where name = 'y';\n-- step: s\n"
             "update cluster set name = name from subject where account_id = subject.id\n"
             "returning subject.id;\n");
  define("quick",
         "-- find:\nselect id from account where archived_at > now() - interval '1 s';\n"
         "-- step: s\nselect id from subject where false;\n");
  const auto result = call({"check"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.out == "quick  good\nslow  good\n");
  BOOST_TEST(lines(result.err).size() == 1u);
  BOOST_TEST(
      result.err.starts_with("converge: warning: " + slow.string() + ":2: find scans all 12"));
  BOOST_TEST(contains(result.err, "account"));
  const auto json = call({"check", "slow", "-o", "json"});
  BOOST_TEST(contains(member(json.out, "warnings"), "find scans all"));
  BOOST_TEST(json.err == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

#include "tests/cli/new_fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

/// The draft's own test, run in the schema that is there.
BOOST_FIXTURE_TEST_SUITE(new_drafted_test, New)

BOOST_AUTO_TEST_CASE(test_of_a_tree_has_a_grandchild_and_passes) {
  schema(
      "create table sf (id int primary key, parent int references sf, email text not null unique, "
      "  off timestamptz); "
      "create table box (id int primary key, sf int not null references sf, off timestamptz); "
      "insert into sf values (1, null, 'a', now()), (2, 1, 'b', null), (3, 2, 'c', null), "
      "  (4, null, 'd', null); insert into box values (1, 1), (2, 3), (3, 4); "
      "update sf set parent = 3 where id = 1");  // Which is below itself.
  draft("sf.off");
  require_converges();
  BOOST_TEST(sql("select (select string_agg(id::text, ',' order by id) from own.sf "
                 "where off is not null), (select string_agg(id::text, ',' order by id) "
                 "from own.box where off is not null)") == "1,2,3|1,2");
  sql("truncate own.sf cascade");
  const auto tested = call({"test", "draft"});
  BOOST_TEST(tested.status == 0, tested.out << read_text(convergers / "draft.test.sql"));
  BOOST_TEST(contains(read_text(convergers / "draft.test.sql"), "2 changes\n"));
}

BOOST_AUTO_TEST_CASE(test_expects_the_key_as_the_server_prints_it) {
  for (const std::string key : {"day date", "at timestamptz", "n numeric(4,1), b boolean",
                                "at timestamptz, day date, u uuid", "t text, v text",
                                "c char(5), i int", "at timestamp, t time"}) {
    BOOST_TEST_CONTEXT(key) {
      std::string names;
      for (std::size_t at = 0; at < key.size(); at = key.find(", ", at) + 2) {
        names += (names.empty() ? "" : ", ") + key.substr(at, key.find(' ', at) - at);
        if (key.find(", ", at) == std::string::npos) break;
      }
      std::filesystem::remove(convergers / "draft.sql");
      std::filesystem::remove(convergers / "draft.test.sql");
      sql("drop schema if exists own cascade");
      schema("create table acct (" + key + ", gone_at timestamptz, primary key (" + names +
             ")); create table box (id int primary key, " + key +
             ", gone_at timestamptz, foreign key (" + names + ") references acct)");
      const std::string warned = draft("acct.gone_at");
      BOOST_TEST(!contains(warned, "TODO"), warned);
      const auto tested = call({"test", "draft"});
      BOOST_TEST(tested.status == 0, tested.out << read_text(convergers / "draft.test.sql"));
    }
  }
}

BOOST_AUTO_TEST_CASE(test_of_a_partitioned_table_has_a_row_that_fits) {
  schema(
      "create table acct (id bigint, day date, gone_at timestamptz, primary key (id, day)) "
      "  partition by range (day); "
      "create table acct_1 partition of acct for values from ('2031-01-01') to ('2032-01-01'); "
      "create table box (id int primary key, acct bigint, day date, gone_at timestamptz, "
      "  foreign key (acct, day) references acct)");
  const std::string warned = draft("acct.gone_at");
  BOOST_TEST(!contains(warned, "TODO"), warned);
  const auto tested = call({"test", "draft"});
  BOOST_TEST(tested.status == 0, tested.out << read_text(convergers / "draft.test.sql"));
}

BOOST_AUTO_TEST_CASE(keys_of_texts_stay_apart) {
  schema(
      "create table acct (t text, u text, gone_at timestamptz, primary key (t, u)); "
      "create table box (id int primary key, t text, u text, gone_at timestamptz, "
      "  foreign key (t, u) references acct); "
      "insert into acct values ('a', 'b/c', now()), ('a/b', 'c', now()); "
      "insert into box values (1, 'a', 'b/c'), (2, 'a/b', 'c')");
  draft("acct.gone_at");
  require_converges("2");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

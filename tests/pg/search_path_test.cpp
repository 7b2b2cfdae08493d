#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace converge::tests {
namespace {

/// A schema of the search path in which somebody else makes functions and operators that fit the
/// arguments of converge's own statements better than those of pg_catalog (CVE-2018-1058).
struct Baited : World {
  Baited() {
    sql("create sequence caught; grant all on schema public to public");
    bait("unnest(bigint[])", "setof bigint", "select 1::bigint");
    bait("unnest(text[])", "setof text", "select '1'");
    bait("unnest(oid[])", "setof oid", "select 20::oid");
    bait("pg_typeof(bigint)", "regtype", "select 'bigint'::regtype");
    bait("pg_typeof(text)", "regtype", "select 'text'::regtype");
    bait("hashtextextended(text, integer)", "bigint", "select 0::bigint");
    bait("modulo(bigint, integer)", "bigint", "select 0::bigint");
    sql("create operator public.% (leftarg = bigint, rightarg = integer, function = modulo)");
  }
  void bait(const std::string& function, const std::string& type, const std::string& body) const {
    sql("create function public." + function + " returns " + type +
        " language sql volatile as $$ select setval('caught', nextval('caught')); " + body + " $$");
  }
  std::string caught() const { return sql("select is_called from caught"); }
};

BOOST_FIXTURE_TEST_SUITE(search_path, Baited)

BOOST_AUTO_TEST_CASE(bait_is_taken_by_who_names_no_schema) {
  sql("select * from unnest(array[1]::bigint[])");
  BOOST_TEST(caught() == "t");
}

BOOST_AUTO_TEST_CASE(functions_of_others_do_not_stand_in_for_the_systems) {
  archived_accounts(4);
  define("archive", archive_clusters());
  BOOST_TEST(plan("archive").inconsistencies == 4);
  BOOST_TEST(caught() == "f");
  BOOST_TEST(run("archive").inconsistencies == 4);
  BOOST_TEST(caught() == "f");
}

BOOST_AUTO_TEST_CASE(nor_do_they_tell_the_shard_of_a_subject) {
  archived_accounts(4);
  define("archive", archive_clusters("-- shards: 2"));
  const auto first = run("archive", {.shard = 0}).inconsistencies;
  const auto second = run("archive", {.shard = 1}).inconsistencies;
  BOOST_TEST(first + second == 4);
  BOOST_TEST(run("archive", {.subjects = {"1", "2"}, .shard = 0}).inconsistencies == 0);
  BOOST_TEST(caught() == "f");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests

#include "convergers/plan_condition.h"

#include <boost/test/unit_test.hpp>

#include <map>
#include <string>

namespace converge::convergers {
namespace {

/// `equal account_id, null archived_at`, of the table that goes by `c`.
std::string read(const std::string& expression) {
  using Kind = Condition::Kind;
  static const std::map<Kind, std::string> kNames = {
      {Kind::equal, "equal"},       {Kind::range, "range"}, {Kind::null, "null"},
      {Kind::not_null, "not_null"}, {Kind::yes, "yes"},     {Kind::no, "no"},
      {Kind::other, "other"}};
  std::string text;
  for (const Condition& condition : read_conditions(expression, "c")) {
    text += (text.empty() ? "" : ", ") + kNames.at(condition.kind);
    if (!condition.column.empty()) text += " " + condition.column;
    if (condition.cast_to_text) text += "::text";
  }
  return text;
}

BOOST_AUTO_TEST_SUITE(plan_condition)

BOOST_AUTO_TEST_CASE(nulls_and_flags_are_read) {
  BOOST_TEST(read("(c.archived_at IS NULL)") == "null archived_at");
  BOOST_TEST(read("(c.archived_at IS NOT NULL)") == "not_null archived_at");
  BOOST_TEST(read("c.gone") == "yes gone");
  BOOST_TEST(read("(NOT c.gone)") == "no gone");
}

BOOST_AUTO_TEST_CASE(comparisons_are_read_from_either_side) {
  BOOST_TEST(read("(c.account_id = converge_chunk.c1)") == "equal account_id");
  BOOST_TEST(read("(converge_chunk.c1 = c.account_id)") == "equal account_id");
  BOOST_TEST(read("(c.id = ANY ($1))") == "equal id");
  BOOST_TEST(read("(c.archived_at > (now() - '1 day'::interval))") == "range archived_at");
  BOOST_TEST(read("((c.name)::text = 'a AND b'::text)") == "equal name::text");
}

BOOST_AUTO_TEST_CASE(conjunction_is_taken_apart) {
  BOOST_TEST(read("((c.gone IS NULL) AND ((c.a = 1) AND (c.b < 2)) AND (other.x = 3))") ==
             "null gone, equal a, range b");
  BOOST_TEST(read("((c.a = s.a) AND (c.b = s.b))") == "equal a, equal b");
}

BOOST_AUTO_TEST_CASE(quoted_names_are_names) {
  BOOST_TEST(read("(\"c\".\"Archived \"\"At\" IS NULL)") == "null Archived \"At");
  BOOST_TEST(read("(\"C\".x IS NULL)") == "");
}

BOOST_AUTO_TEST_CASE(what_no_index_could_serve_is_other) {
  for (const char* expression :
       {"((c.a IS NULL) OR (c.b IS NULL))", "(c.a <> 1)", "(c.name ~~ 'x%'::text)",
        "(lower(c.name) = 'x'::text)", "(c.a = c.b)", "(c.a = (random())::integer)",
        "(c.at < clock_timestamp())", "(c.a = (SubPlan 1))", "(c.a = ALL ($1))",
        "((c.a)::numeric = 1.5)", "(NOT (c.a = 1))", "((c.a + 1) = 2)", "(c.a IS DISTINCT FROM 1)",
        "((c.a IS NULL) IS NULL)", "(c.a OPERATOR(own.=) 1)"}) {
    BOOST_TEST(read(expression) == "other", expression << ": " << read(expression));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers

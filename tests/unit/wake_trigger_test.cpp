#define BOOST_TEST_DYN_LINK
#include "convergers/wake_trigger.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::convergers;

/// `TABLE KEY`.
std::string origin(std::string_view find) {
  const auto found = origin_of(find);
  return found.table + " " + found.key;
}

/// `TABLE KEY FLAG...`.
std::string flag(const std::string& runbook, const std::string& find) {
  Definition definition;
  definition.runbook = runbook;
  definition.find.sql = find;
  const auto found = flag_of(definition);
  std::string text = found.table + " " + found.key;
  for (const auto& column : found.flags) text += " " + column;
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wake_trigger_text)

BOOST_AUTO_TEST_CASE(table_and_key_are_read_from_a_plain_find) {
  BOOST_TEST(origin("select id, email as label from account where x") == "account id");
  BOOST_TEST(origin("SELECT a.id FROM app.account AS a JOIN plan p ON true") == "app.account id");
  BOOST_TEST(origin("select account.id as key from account") == "account id");
  BOOST_TEST(origin("select app.account.id from app.account, plan") == "app.account id");
  BOOST_TEST(origin(R"(select "Id" from "My Table" "T")") == R"("My Table" "Id")");
  BOOST_TEST(origin("select id, extract(epoch from at) -- from x\nfrom t") == "t id");
}

BOOST_AUTO_TEST_CASE(what_is_not_plain_to_see_is_not_guessed) {
  BOOST_TEST(origin("select p.name from account a join plan p on true") == "account ");
  BOOST_TEST(origin("select lower(email) from account") == "account ");
  BOOST_TEST(origin("select id::text from account") == "account ");
  BOOST_TEST(origin("select id from (select 1 as id) s") == " ");
  BOOST_TEST(origin("select id from generate_series(1, 2) id") == " ");
  BOOST_TEST(origin("with a as (select 1) select id from a") == " ");
  BOOST_TEST(origin("values (1)") == " ");
  BOOST_TEST(origin("") == " ");
}

BOOST_AUTO_TEST_CASE(each_channel_has_its_trigger_and_odd_names_are_quoted) {
  Definition definition;
  definition.find.sql = "values (1)";
  BOOST_TEST(wake_trigger(definition).empty());
  definition.settings.listen = {"a", "O'Neil"};
  const auto text = wake_trigger(definition);
  BOOST_TEST(contains(text, "create function notify_a() "));
  BOOST_TEST(contains(text, R"(create function "notify_O'Neil"() )"));
  BOOST_TEST(contains(text, "pg_notify('O''Neil', new.KEY_COLUMN::text)"));
  BOOST_TEST(contains(text,
                      "after update of FLAG_COLUMN on TABLE_OF_THE_FLAG for each row\n"
                      "when (new.FLAG_COLUMN is distinct from old.FLAG_COLUMN) "));
}

BOOST_AUTO_TEST_CASE(flag_is_what_the_operator_sets) {
  const std::string find = "select id from app.account where archived_at is not null";
  BOOST_TEST(flag("update app.account set closed_at = now() where id = 7 returning *;", find) ==
             "app.account id closed_at");
  BOOST_TEST(
      flag("begin;\nupdate plan set a = 1;\nupdate app.account a\nset b = f(1, 2), \"C\" = 2;",
           find) == "app.account id b \"C\"");
  BOOST_TEST(flag("update cluster set flagged = true;", find) == "cluster  flagged");
  BOOST_TEST(flag("update app.account set (a, b) = (1, 2);", find) == "app.account id archived_at");
  BOOST_TEST(flag("Update the account, set in a row:", find) == "app.account id archived_at");
  BOOST_TEST(flag("It's said in the wiki.", find) == "app.account id archived_at");
}

BOOST_AUTO_TEST_CASE(flag_is_the_one_column_of_a_plain_condition) {
  BOOST_TEST(flag("", "select id from a where not hidden") == "a id hidden");
  BOOST_TEST(flag("", "select id from a b where b.at > now() - interval '1 day'") == "a id at");
  BOOST_TEST(flag("", "select id from a where hidden and b > 1") == "a id");
  BOOST_TEST(flag("", "select id from a where f(b)") == "a id");
  BOOST_TEST(flag("", "select a.id from a join c on true where c.at > 1") == "a id");
  BOOST_TEST(flag("", "select id from a") == "a id");
}

BOOST_AUTO_TEST_SUITE_END()

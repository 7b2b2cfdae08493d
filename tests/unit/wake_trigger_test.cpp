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
  BOOST_TEST(contains(text, "on TABLE_OF_THE_FLAG\n"));
}

BOOST_AUTO_TEST_SUITE_END()

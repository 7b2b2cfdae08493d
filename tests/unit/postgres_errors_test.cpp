#include "src/postgres/errors.h"
#include "src/postgres/session.h"

#include <boost/test/unit_test.hpp>

namespace converge::postgres {

BOOST_AUTO_TEST_SUITE(postgres_errors)

BOOST_AUTO_TEST_CASE(a_servers_words_become_one_line) {
  const Error error = server_error(
      "ERROR:  new row violates check constraint \"small\"\n"
      "DETAIL:  Failing row contains (1, 2).\n"
      "CONTEXT:  SQL statement \"update x\"\n",
      "23514");
  BOOST_TEST(
      error.what() ==
      std::string("new row violates check constraint \"small\"; detail: Failing row contains "
                  "(1, 2)"));
  BOOST_TEST((error.kind() == ErrorKind::failure));
  BOOST_TEST(error.sqlstate() == "23514");
  BOOST_TEST(is_about_data(error));
}

BOOST_AUTO_TEST_CASE(the_statement_is_not_repeated) {
  const Error error = server_error(
      "ERROR:  column \"nope\" does not exist\nLINE 1: select nope from account\n               "
      "^\n",
      "42703");
  BOOST_TEST(error.what() == std::string("column \"nope\" does not exist"));
  BOOST_TEST(!error.hint().empty());
  BOOST_TEST(!is_about_data(error));
}

BOOST_AUTO_TEST_CASE(libpqs_question_is_in_the_hint_and_servers_are_told_apart) {
  const Error error = connect_error(
      "connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n"
      "\tIs the server running on that host and accepting TCP/IP connections?\n"
      "connection to server on socket \"/x/.s.PGSQL.1\" failed: No such file or directory\n"
      "\tIs the server running locally and accepting connections on that socket?\n",
      "");
  BOOST_TEST(error.what() ==
             std::string(
                 "cannot connect: connection to server at \"127.0.0.1\", port 1 failed: Connection "
                 "refused; connection to server on socket \"/x/.s.PGSQL.1\" failed: No such file "
                 "or directory"));
  BOOST_TEST(error.hint().starts_with("Is PostgreSQL running there? Check --database"));
}

BOOST_AUTO_TEST_CASE(nobodys_fault_is_transient) {
  for (const char* sqlstate : {"40001", "40P01", "55P03", "08006", "57P01", "53300"}) {
    BOOST_TEST((server_error("ERROR:  x", sqlstate).kind() == ErrorKind::transient), sqlstate);
  }
  for (const char* sqlstate : {"23505", "42501", "57014", "XX000"}) {
    BOOST_TEST((server_error("ERROR:  x", sqlstate).kind() == ErrorKind::failure), sqlstate);
  }
}

BOOST_AUTO_TEST_CASE(a_name_is_quoted) {
  BOOST_TEST(quote_name("a b") == "\"a b\"");
  BOOST_TEST(quote_name("a\"b") == "\"a\"\"b\"");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace converge::postgres

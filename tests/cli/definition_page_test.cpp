#include "tests/cli/fixture.h"
#include "tests/support/manual.h"

#include <boost/test/unit_test.hpp>

#include <map>
#include <regex>
#include <set>

namespace {

using namespace converge::tests;

using Messages = std::map<std::string, std::string>;

const std::string kFind = "-- find:\nselect id, email as label from account;\n";
const std::string kStep = R"(-- step: s
update cluster set archived_at = now() from subject
where account_id = subject.id and archived_at is null
returning )";

/// What converge-sql.5 says of a definition that a server refuses, and one such definition.
const Messages kRefused = {
    {"step TITLE: it returns no columns, so its changes could not be recorded",
     kFind + "-- step: s\nupdate cluster set archived_at = now();\n"},
    {"step TITLE: its first column, NAME, is of type TYPE; the key, NAME, is TYPE",
     kFind + kStep + "cluster.archived_at;\n"},
    {"find: it returns the column NAME twice",
     "-- find:\nselect id, email, 1 as email from account;\n" + kStep + "subject.id;\n"},
    {"find: the key, NAME, is an array or a composite",
     "-- find:\nselect array[id] as id from account;\n" + kStep + "subject.id;\n"},
    {"redact: NAME is the key, by which the journal knows the subject",
     "-- redact: id\n" + kFind + kStep + "subject.id;\n"},
    {"redact: neither find nor a step returns a column NAME",
     "-- redact: emial\n" + kFind + kStep + "subject.id;\n"},
    {"find: relation \"NAME\" does not exist",
     "-- find:\nselect id from acount;\n" + kStep + "subject.id;\n"}};

/// The same of a pass.
const Messages kFailed = {
    {"find returned a null key",
     "-- find:\nselect nullif(id, 2) as id from account;\n" + kStep + "subject.id;\n"},
    {"find returned the key VALUE twice",
     "-- find:\nselect 1::bigint as id from account;\n" + kStep + "subject.id;\n"},
    {"step TITLE returned the key VALUE, which find did not", kFind + kStep + "subject.id + 7;\n"},
    {"step TITLE returned a null key", kFind + kStep + "nullif(subject.id, 2);\n"}};

struct DefinitionPage : Cli {
  DefinitionPage() {
    add_accounts(3);
    archive_accounts();
  }

  /// That the command says so of each of them, that nothing was changed, and that the page has
  /// these messages and no others below the heading.
  void require_told(const std::string& command, const Messages& messages,
                    const std::string& heading) {
    std::set<std::string> told;
    for (const auto& [message, text] : messages) {
      told.insert(message);
      define("bad", text);
      const auto result = call({command, "bad"});
      BOOST_TEST(result.status == 1);
      const auto placeholder = std::regex("TITLE|NAME|VALUE|TYPE");
      const auto pattern = std::regex(std::regex_replace(message, placeholder, ".+"));
      BOOST_TEST(std::regex_search(result.err, pattern), message << ": " << result.err);
    }
    BOOST_TEST(audited_rows() == "0");
    BOOST_TEST(page.items(heading, "Ql") == told, boost::test_tools::per_element());
  }

  Manual page{"converge-sql.5"};
};

BOOST_FIXTURE_TEST_SUITE(definition_page, DefinitionPage)

BOOST_AUTO_TEST_CASE(has_what_the_server_refuses_as_it_is_told) {
  require_told("check", kRefused, "Of the server");
}

BOOST_AUTO_TEST_CASE(has_what_fails_a_pass_as_it_is_told) {
  require_told("run", kFailed, "In a pass");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

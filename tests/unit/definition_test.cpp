#include "convergers/definition.h"

#include "src/base/digest.h"
#include "src/base/error.h"
#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>

#include <string>
#include <sys/stat.h>

namespace converge::convergers {
namespace {

constexpr std::string_view kWhole = R"(-- Archives everything that an archived account
-- still owns.
--
--   Indented text stays so.

-- A second paragraph: not a directive, for it begins with a capital.
--
-- operator:
--   begin;
--     update account set archived_at = now();
--
--   commit;
-- This is not the runbook any more.
--   Nor is this.
-- every: 10s
-- listen: account_archived
-- listen: account_renamed
-- limit: 10% of at least 50
--   note: indented, so a comment
-- chunk: 50
-- redact: email

-- find:
-- Only the recent ones.
select id, email as label
from account
where archived_at > now() - interval '1 day'; -- the end

-- step: archive clusters
update cluster set archived_at = now()  -- now
from subject where cluster.account_id = subject.id
returning subject.id, cluster.id as cluster
-- no semicolon needed

-- step: revoke api keys
  delete from api_key using subject where account_id = subject.id returning subject.id /* all */ ;
/* done */
)";

Definition parse(std::string_view text) { return parse_definition("/etc/c/archive.sql", text); }

// A definition whose second step, from line 4 on, is this.
Definition parse_step(std::string_view sql) {
  auto definition = parse("-- find:\nselect 1\n-- step: one\n" + std::string(sql));
  BOOST_TEST(definition.steps.size() == 1u);
  return definition;
}

void check_step(std::string_view sql) { BOOST_TEST(parse_step(sql).steps[0].sql == sql); }

BOOST_AUTO_TEST_SUITE(definition)

BOOST_AUTO_TEST_CASE(whole_file_is_understood) {
  const auto definition = parse(kWhole);
  BOOST_TEST(definition.name == "archive");
  BOOST_TEST(definition.text == kWhole);
  BOOST_TEST(definition.version == hex(sha256(kWhole)));
  BOOST_TEST(definition.settings.chunk == 50);
  BOOST_TEST((definition.settings.every == std::chrono::seconds(10)));
  BOOST_TEST(definition.settings.listen.size() == 2u);
  BOOST_TEST(definition.settings.limit->allowed(100) == 10);
  BOOST_TEST(definition.settings.redact.front() == "email");
}

BOOST_AUTO_TEST_CASE(text_above_the_first_directive_is_the_description) {
  BOOST_TEST(parse(kWhole).description ==
             "Archives everything that an archived account\nstill owns.\n\n"
             "  Indented text stays so.\n\n"
             "A second paragraph: not a directive, for it begins with a capital.");
  BOOST_TEST(parse("-- find:\nselect 1\n-- step: a\nselect 1").description == "");
}

BOOST_AUTO_TEST_CASE(indented_block_under_operator_is_the_runbook) {
  BOOST_TEST(parse(kWhole).runbook ==
             "begin;\n  update account set archived_at = now();\n\ncommit;");
}

BOOST_AUTO_TEST_CASE(line_that_is_no_comment_ends_the_runbook) {
  const auto definition =
      parse("-- operator:\n--   a;\n\n--   b;\n-- find:\nselect 1\n-- step: a\nselect 1");
  BOOST_TEST(definition.runbook == "a;");
}

BOOST_AUTO_TEST_CASE(statement_reaches_from_first_to_last_token) {
  const auto definition = parse(kWhole);
  BOOST_TEST(definition.find.sql ==
             "select id, email as label\nfrom account\n"
             "where archived_at > now() - interval '1 day'");
  BOOST_TEST(definition.find.title == "");
  BOOST_TEST(definition.steps.size() == 2u);
  BOOST_TEST(definition.steps[0].title == "archive clusters");
  BOOST_TEST(definition.steps[0].sql ==
             "update cluster set archived_at = now()  -- now\n"
             "from subject where cluster.account_id = subject.id\n"
             "returning subject.id, cluster.id as cluster");
  BOOST_TEST(definition.steps[1].sql ==
             "delete from api_key using subject where account_id = subject.id "
             "returning subject.id");
}

BOOST_AUTO_TEST_CASE(statement_knows_where_it_stands) {
  const auto definition = parse(kWhole);
  BOOST_TEST(definition.find.line == 25);
  BOOST_TEST(definition.find.column == 1);
  BOOST_TEST(definition.steps[1].line == 36);
  BOOST_TEST(definition.steps[1].column == 3);
  const auto shifted = parse_step("/* ë */ select 1");
  BOOST_TEST(shifted.steps[0].line == 4);
  BOOST_TEST(shifted.steps[0].column == 10, "in bytes");
}

BOOST_AUTO_TEST_CASE(step_may_begin_with_with) {
  check_step(
      "with gone as (delete from t using subject where t.id = subject.id returning t.id)\n"
      "select id from gone");
}

BOOST_AUTO_TEST_CASE(semicolon_is_left_out) {
  BOOST_TEST(parse_step("select 1;").steps[0].sql == "select 1");
  BOOST_TEST(parse_step("select 1\n;\n-- end\n/* of it */\n").steps[0].sql == "select 1");
}

BOOST_AUTO_TEST_CASE(quoted_text_is_part_of_the_statement) {
  check_step("select 'the subject; of it', \"a;b\"");
  check_step(R"(select E'it\'s; -- fine', '\')");
  check_step("select $$ a; b $$, $f$ $$;$1 $f$");
  check_step("select /* a; /* nested; */ $1 ' */ 1");
  check_step("select 1 -- one; 'two\n, 2");
}

BOOST_AUTO_TEST_CASE(directive_inside_quotes_is_text) {
  check_step("select '\n-- step: two\n'");
  check_step("select $$\n-- every: 1s\n$$");
  check_step("select $f$\n-- find:\n$f$, \"\n-- nonsense: x\n\"");
  check_step("select /*\n-- step: two\n*/ 1");
}

BOOST_AUTO_TEST_CASE(indented_directive_is_a_comment) {
  check_step("select 1\n -- step: two\n--  step: three\n+ 1");
}

BOOST_AUTO_TEST_CASE(comment_with_an_address_is_a_comment) {
  check_step("select 1\n-- https://example.com/why\n+ 1");
}

BOOST_AUTO_TEST_CASE(directive_needs_no_blank_before_it) {
  const auto definition = parse("--chunk: 7\n--find:\nselect 1\n--step: a\nselect 1");
  BOOST_TEST(definition.settings.chunk == 7);
}

BOOST_AUTO_TEST_CASE(windows_line_ends_are_tolerated) {
  const auto definition = parse(
      "-- Text.\r\n--\r\n-- More.\r\n-- operator:\r\n--   a;\r\n-- chunk: 7\r\n-- find:\r\n"
      "select 1\r\n  , 2;\r\n-- step: a title\r\nselect 1\r\n");
  BOOST_TEST(definition.description == "Text.\n\nMore.");
  BOOST_TEST(definition.runbook == "a;");
  BOOST_TEST(definition.settings.chunk == 7);
  BOOST_TEST(definition.find.sql == "select 1\r\n  , 2");
  BOOST_TEST(definition.find.line == 8);
  BOOST_TEST(definition.steps[0].title == "a title");
}

BOOST_AUTO_TEST_CASE(byte_order_mark_is_tolerated) {
  const auto definition =
      parse("\xef\xbb\xbf-- chunk: 7\n-- find:\nselect 1\n-- step: a\nselect 1");
  BOOST_TEST(definition.settings.chunk == 7);
  BOOST_TEST(definition.description == "");
}

BOOST_AUTO_TEST_CASE(title_may_have_a_hundred_characters) {
  std::string title;
  for (int i = 0; i < 100; ++i) title += "ë";
  BOOST_TEST(parse("-- find:\nselect 1\n-- step: " + title + "\nselect 1").steps[0].title == title);
}

BOOST_AUTO_TEST_CASE(file_is_loaded) {
  const tests::TempDir directory;
  const auto definition = load_definition(directory.write("a_1.sql", kWhole));
  BOOST_TEST(definition.name == "a_1");
  BOOST_TEST(definition.path == directory / "a_1.sql");
  BOOST_TEST(definition.text == kWhole);
}

BOOST_AUTO_TEST_CASE(file_that_others_can_write_is_not_loaded) {
  const tests::TempDir directory;
  const auto file = directory.write("a.sql", kWhole);
  BOOST_REQUIRE(chmod(file.c_str(), 0666) == 0);
  BOOST_CHECK_EXCEPTION(load_definition(file), Error, [](const Error& error) {
    return std::string(error.what()).find("is writable by others") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(large_file_is_not_loaded) {
  const tests::TempDir directory;
  const auto file = directory.write("a.sql", std::string(1024 * 1024 + 1, '\n'));
  BOOST_CHECK_EXCEPTION(load_definition(file), Error, [&](const Error& error) {
    return std::string(error.what()) ==
           file.string() + ":1:1: the file has 1048577 bytes, more than 1 MiB";
  });
}

BOOST_AUTO_TEST_CASE(directory_is_not_loaded) {
  const tests::TempDir directory;
  directory.write("a.sql/file", "");
  BOOST_CHECK_THROW(load_definition(directory / "a.sql"), Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers

#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

struct JournalRead : Cli {
  JournalRead() {
    define("archive", archiver(""));
    define("second", archiver("-- timeout: 9s\n"));
    add_accounts(6);
  }
};

BOOST_FIXTURE_TEST_SUITE(journal, JournalRead)

BOOST_AUTO_TEST_CASE(reads_oldest_first_as_people_read_it) {
  correct("archive", "id <= 2");
  const auto result = call({"journal"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
  const auto all = lines(timeless(result.out));
  BOOST_REQUIRE(all.size() == 3u);
  BOOST_TEST(all[0] ==
             "TIME  archive  1 (a1@example.com)  committed  "
             "archive clusters 2, revoke api keys 1");
  BOOST_TEST(all[1] ==
             "TIME  archive  2 (a2@example.com)  committed  "
             "archive clusters 2, revoke api keys 1");
  BOOST_TEST(
      all[2].starts_with("TIME  archive  -                   -          pass converged: 2 of "));
}

BOOST_AUTO_TEST_CASE(n_gives_the_newest) {
  correct("archive", "id <= 2");
  correct("second", "id = 3");
  BOOST_TEST(lines(call({"journal"}).out).size() == 5u);
  const auto newest = lines(call({"journal", "-n", "2"}).out);
  BOOST_REQUIRE(newest.size() == 2u);
  BOOST_TEST(contains(newest[0], "second  3 (a3@example.com)"));
  BOOST_TEST(contains(newest[1], "pass converged"));
  BOOST_TEST(lines(call({"journal", "-n", "2", "-o", "json"}).out).size() == 2u);
}

BOOST_AUTO_TEST_CASE(converger_and_subject_select) {
  correct("archive", "id <= 2");
  correct("second", "id = 3");
  const auto of_second = lines(call({"journal", "--converger", "second"}).out);
  BOOST_REQUIRE(of_second.size() == 2u);
  BOOST_TEST(contains(of_second[0], "3 (a3@example.com)"));
  BOOST_TEST(
      lines(call({"journal", "--converger", "second", "--converger", "archive"}).out).size() == 5u);
  const auto of_subject = lines(call({"journal", "--subject", "2"}).out);
  BOOST_REQUIRE(of_subject.size() == 1u);
  BOOST_TEST(contains(of_subject[0], "archive  2 (a2@example.com)  committed"));
  BOOST_TEST(call({"journal", "--converger", "second", "--subject", "2"}).out == "");
  BOOST_TEST(call({"journal", "--subject", "nobody"}).status == 0);
}

BOOST_AUTO_TEST_CASE(json_gives_every_entry_with_the_documented_members) {
  correct("archive", "id = 1");
  const auto result = call({"journal", "-o", "json"});
  BOOST_TEST(result.err == "");
  const auto all = lines(result.out);
  BOOST_REQUIRE(all.size() == 4u);
  const auto kinds = {"txn", "inconsistency", "outcome", "pass"};
  int seq = 0;
  for (const std::string kind : kinds) {
    const auto& line = all[static_cast<std::size_t>(seq++)];
    BOOST_TEST(member(line, "kind") == kind);
    BOOST_TEST(member(line, "seq") == std::to_string(seq));
    BOOST_TEST(member(line, "pass") == "1");
    BOOST_TEST(member(line, "converger") == "archive");
    BOOST_TEST(member(line, "version").size() == 64u);
    BOOST_TEST(member(line, "hash").size() == 64u);
    BOOST_TEST(member(line, "time").size() == 27u);
    BOOST_TEST(member(line, "time").ends_with("Z"));
    BOOST_TEST(member(line, "build") == "0");
    BOOST_TEST(member(line, "actor") == ask_journal("select name from actor"));
  }
  BOOST_TEST(member(all[0], "xid") == sql("select distinct xid from audit"));
  BOOST_TEST(member(all[0], "outcome") == "committed");
  BOOST_TEST(member(all[1], "txn") == "1");
  BOOST_TEST(member(all[1], "subject") == "1");
  BOOST_TEST(member(all[1], "label") == "a1@example.com");
  BOOST_TEST(member(all[1], "count") == "3");
  BOOST_TEST(member(all[1], "outcome") == "committed");
  BOOST_TEST(contains(member(all[1], "steps"), R"("changes":[{"cluster":1},{"cluster":2}])"));
  BOOST_TEST(member(all[3], "outcome") == "converged");
  BOOST_TEST(member(all[3], "examined") == "1");
}

BOOST_AUTO_TEST_CASE(rolled_back_and_pending_are_told_apart_from_committed) {
  archive_accounts("id = 1");
  die_at("pass.after_append", {"run", "archive"});
  BOOST_TEST(contains(call({"journal"}).out, "1 (a1@example.com)  pending"));
  BOOST_REQUIRE(call({"run", "archive", "--wait", "20s"}).status == 0);
  const auto all = lines(call({"journal", "--subject", "1"}).out);
  BOOST_REQUIRE(all.size() == 2u);
  BOOST_TEST(contains(all[0], "1 (a1@example.com)  rolled_back"));
  BOOST_TEST(contains(all[1], "1 (a1@example.com)  committed"));
}

BOOST_AUTO_TEST_CASE(terminal_escapes_in_labels_are_shown_and_not_obeyed) {
  // Colour, a window title, and the mark that turns the rest around (in two pieces for this file's
  // own readers).
  const std::string override = std::string("\xe2\x80") + "\xae";
  const std::string label = "\x1b[31mred\x1b]0;owned\x07" + override + "@evil";
  sql("update account set email = '" + label + "' where id = 1");
  correct("archive", "id = 1");
  for (const Words& words : {Words{"journal"}, Words{"journal", "--color", "always"},
                             Words{"journal", "-o", "json"}, Words{"show", "archive"}}) {
    const auto out = call(words).out;
    BOOST_TEST(!contains(out, "\x1b[31mred"));
    BOOST_TEST(!contains(out, "\x1b]0;"));
    BOOST_TEST(!contains(out, "\x07"));
    BOOST_TEST(!contains(out, override));
  }
  BOOST_TEST(contains(call({"journal"}).out, R"(1 (\x1b[31mred\x1b]0;owned\x07\u202e@evil))"));
  dirty_again();
  BOOST_TEST(
      contains(call({"plan", "archive"}).out, R"(1 (\x1b[31mred\x1b]0;owned\x07\u202e@evil))"));
  // JSON keeps the very text.
  const auto json = lines(call({"journal", "--subject", "1", "-o", "json"}).out).at(0);
  BOOST_TEST(member(json, "label") == label);
}

BOOST_AUTO_TEST_CASE(keys_of_any_content_are_found_again) {
  const std::string key = "it's a \"key\", {with} \\back\nand \u00fcber";
  sql("create table thing (name text primary key, done boolean not null default false);"
      "insert into thing values (E'it''s a \"key\", {with} \\\\back\\nand \u00fcber')");
  define("things",
         "-- find:\nselect name from thing;\n-- step: finish\nupdate thing set done = true "
         "from subject where thing.name = subject.name and not done\n"
         "returning subject.name, thing.name as thing;\n");
  BOOST_REQUIRE(call({"run", "things", "--subject", key}).status == 0);
  BOOST_TEST(sql("select done from thing") == "t");
  const auto json = call({"journal", "--subject", key, "-o", "json"}).out;
  BOOST_TEST(member(json, "subject") == key);
  BOOST_TEST(contains(call({"journal", "--subject", key}).out,
                      "it's a \"key\", {with} \\back\\nand \u00fcber"));
}

BOOST_AUTO_TEST_CASE(missing_journal_is_one_clear_error) {
  for (const Words& words : {Words{"journal"}, Words{"journal", "verify"}}) {
    const auto result = call(words);
    BOOST_TEST(result.status == 2);
    BOOST_TEST(result.out == "");
    BOOST_TEST(contains(result.err, "converge: error: no journal at " + journal.string()));
    BOOST_TEST(contains(result.err, "converge: hint: "));
  }
  BOOST_TEST(!has_journal());
}

BOOST_AUTO_TEST_CASE(verify_of_a_whole_journal_names_its_head) {
  correct("archive", "id = 1");
  const auto head = ask_journal("select head_seq || ' ' || lower(hex(head_hash)) from chain");
  const auto result = call({"journal", "verify"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.out == "whole: 4 entries verified, head " + head + "\n");
  BOOST_TEST(result.err == "");
  const auto json = call({"journal", "verify", "-o", "json"}).out;
  BOOST_TEST(member(json, "entries") == "4");
  BOOST_TEST(member(json, "verdict") == "whole");
  BOOST_TEST(member(json, "broken_seq") == "(none)");
}

BOOST_AUTO_TEST_CASE(file_is_private_and_readers_change_nothing) {
  correct("archive", "id = 1");
  const auto mode = [](const std::filesystem::path& path) {
    return static_cast<unsigned>(std::filesystem::status(path).permissions());
  };
  BOOST_TEST(mode(Cli::journal) == 0600u);
  BOOST_TEST(mode(Cli::journal.parent_path()) == 0700u);
  const auto before = read_text(Cli::journal);
  const auto wal = read_text(Cli::journal.string() + "-wal");
  BOOST_TEST(call({"journal"}).status == 0);
  BOOST_TEST(call({"journal", "verify"}).status == 0);
  BOOST_TEST((read_text(Cli::journal) == before));
  BOOST_TEST((read_text(Cli::journal.string() + "-wal") == wal));
}

BOOST_AUTO_TEST_CASE(redacted_columns_are_kept_as_a_hash_alone) {
  define("archive", archiver("-- redact: label\n"));
  correct("archive", "id = 1");
  const auto label = ask_journal("select label from inconsistency");
  BOOST_TEST(label.starts_with("redacted:"));
  for (const char* suffix : {"", "-wal"}) {
    BOOST_TEST(!contains(read_text(Cli::journal.string() + suffix), "a1@example.com"));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

#include "journal/journal.h"
#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

#include <regex>
#include <utility>

namespace {

using namespace converge;
using namespace converge::tests;

constexpr const char* kVerifier = "tests/verify_journal.py";
constexpr const char* kPage = "man/converge-journal.5";

/// What stands in the text after `begin`, up to `end`; empty when it is not there.
std::string between(const std::string& text, const std::string& begin, char end) {
  const auto start = text.find(begin);
  if (start == std::string::npos) return {};
  const auto from = start + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

/// What both verifiers say of a journal: `whole N HEAD`, or `broken SEQ`.
struct Verdicts {
  std::string ours;
  std::string independent;
};

/// A journal of real passes: a sealed block, one pass that failed for a subject and one of another
/// converger, an outcome that recovery found.
struct BothVerifiers : Cli {
  BothVerifiers() {
    define("archive", archiver(""));
    define("second", archiver("-- timeout: 9s\n"));
    add_accounts(4200);
    archive_accounts("id <= 3");
    BOOST_REQUIRE(call({"run", "archive"}).status == 0);
    archive_accounts("id <= 6");
    die_at("pass.after_commit", {"run", "second"});
    BOOST_REQUIRE(call({"run", "second", "--wait", "20s"}).status == 0);
    sql("alter table cluster add check (account_id <> 9 or archived_at is null)");
    archive_accounts();
    BOOST_REQUIRE(call({"run", "archive"}).status == 1);
    BOOST_REQUIRE(ask_journal("select count(*) from block") == "1");
    BOOST_REQUIRE(ask_journal("select count(*) from entry where kind = 5") == "1");
  }

  /// A copy of the journal, changed by somebody who knows SQL and not the chain.
  std::filesystem::path copy_changed_by(const std::string& statements) const {
    const auto copy = directory / "copy.db";
    std::filesystem::remove(copy.string() + "-wal");
    std::filesystem::remove(copy.string() + "-shm");
    for (const char* suffix : {"", "-wal"}) {
      std::filesystem::copy_file(journal.string() + suffix, copy.string() + suffix,
                                 std::filesystem::copy_options::overwrite_existing);
    }
    const auto changed = run_command({"sqlite3", "-bail", copy.string(),
                                      "drop trigger entry_update; drop trigger entry_delete;"
                                      "begin; " +
                                          statements + "; commit;"});
    BOOST_REQUIRE(changed.err == "");
    return copy;
  }

  Verdicts verdicts_on(const std::filesystem::path& file) const {
    const auto ours = call({"--journal", file.string(), "journal", "verify", "-o", "json"});
    const auto other = run_command({"python3", kVerifier, file.string()});
    BOOST_TEST_MESSAGE(ours.out << other.out << other.err);
    Verdicts both;
    both.ours = member(ours.out, "verdict") == "whole"
                    ? "whole " + member(ours.out, "entries") + " " + member(ours.out, "head_hash")
                    : "broken " + member(ours.out, "broken_seq");
    both.independent = other.out.starts_with("whole: ")
                           ? "whole " + between(other.out, "whole: ", ' ') + " " +
                                 other.out.substr(other.out.size() - 65, 64)
                           : "broken " + between(other.out, "broken at ", ':');
    BOOST_TEST(other.err == "");
    BOOST_TEST(ours.status == (both.ours.starts_with("whole") ? 0 : 1));
    BOOST_TEST(other.status == (both.independent.starts_with("whole") ? 0 : 1));
    return both;
  }

  void require_whole(const std::filesystem::path& file) const {
    const auto both = verdicts_on(file);
    BOOST_TEST(both.ours.starts_with("whole "));
    BOOST_TEST(both.ours == both.independent);
  }

  void require_broken(const std::string& statements, const std::string& seq) const {
    BOOST_TEST_CONTEXT(statements) {
      const auto both = verdicts_on(copy_changed_by(statements));
      BOOST_TEST(both.ours == "broken " + seq);
      BOOST_TEST(both.independent == "broken " + seq);
    }
  }

  void require_edited_entries_broken() const {
    for (const std::string column :
         {"detail = replace(detail, 'clusters', 'Clusters')", "detail = null", "detail_sha = null",
          "subject = '77'", "subject = null", "label = 'x'", "time_us = time_us + 1", "count = 4",
          "pass = 2", "txn = 2", "outcome = 2", "kind = 5", "kind = 99", "actor = 99",
          "definition = 2", "definition = null", "hash = zeroblob(32)"}) {
      require_broken("update entry set " + column + " where seq = 2", "2");
    }
  }

  void require_moved_entries_broken() const {
    require_broken("delete from entry where seq = 20", "20");
    require_broken(
        "delete from entry where seq = 20; update entry set seq = seq - 1 where seq > 20", "20");
    require_broken(
        "update entry set seq = -1 where seq = 20; update entry set seq = 20 where seq = 25;"
        "update entry set seq = 25 where seq = -1",
        "20");
    require_broken("delete from entry where seq > 4000", "4001");
    require_broken("delete from entry", "1");
  }

  void require_edited_names_broken() const {
    const auto second = ask_journal(
        "select min(seq) from entry where definition = "
        "(select id from definition where name = 'second')");
    require_broken("update definition set text = text || ' ' where name = 'archive'", "1");
    require_broken("update definition set text = text || ' ' where name = 'second'", second);
    require_broken("update definition set text = null where name = 'second'", second);
    require_broken("update definition set name = 'third' where name = 'second'", second);
    require_broken("update actor set name = 'eve'", "1");
    require_broken("update actor set build = 7", "1");
    require_broken("update kind set name = 'x' where name = 'failure'",
                   ask_journal("select seq from entry where kind = 5"));
  }

  void require_edited_ends_broken() const {
    const auto head = std::stoi(ask_journal("select head_seq from chain"));
    require_broken("delete from chain", "1");
    require_broken("update chain set journal_id = 'other'", "1");
    require_broken("update chain set pruned_hash = zeroblob(32)", "1");
    require_broken("update chain set head_hash = zeroblob(32)", std::to_string(head));
    require_broken("update chain set head_seq = head_seq - 1", std::to_string(head - 1));
    require_broken(
        "insert into entry select seq + 1, time_us, kind, pass, definition, actor, txn,"
        " subject, label, count, 2, detail, detail_sha, hash from entry where seq = " +
            std::to_string(head),
        std::to_string(head + 1));
  }

  void require_edited_blocks_broken() const {
    const auto last = ask_journal("select last_seq from block");
    require_broken("update block set min_time_us = min_time_us - 1", last);
    require_broken("update block set max_time_us = max_time_us + 1", last);
    require_broken("update block set hash = zeroblob(32)", last);
    require_broken("update block set last_seq = 100", "100");
    require_broken("update block set first_seq = 2", "1");
    require_broken("delete from block", "1");
    require_broken("update chain set block_max_us = block_max_us + 1",
                   ask_journal("select head_seq from chain"));
  }
};

BOOST_FIXTURE_TEST_SUITE(verify_journal, BothVerifiers)

BOOST_AUTO_TEST_CASE(independent_verifier_agrees_on_good_and_on_damaged_journals) {
  require_whole(journal);
  require_whole(copy_changed_by("update last_pass set outcome = 'failed'"));  // No history.
  require_edited_entries_broken();
  require_moved_entries_broken();
  require_edited_names_broken();
  require_edited_ends_broken();
  require_edited_blocks_broken();
}

BOOST_AUTO_TEST_CASE(redacted_and_pruned_journals_verify_in_both) {
  {
    journal::Journal writer(journal, "eve", [](const auto&) {});
    journal::PassId none;
    writer.append(none, {.kind = journal::Kind::redact,
                         .subject = "2",
                         .detail = R"({"reason":"asked to be forgotten"})"});
  }
  require_whole(copy_changed_by("update entry set detail = null where subject = '2' and kind = 2"));
  require_broken("update entry set detail = null where subject = '3'",
                 ask_journal("select min(seq) from entry where subject = '3'"));
  require_whole(
      copy_changed_by("update chain set (pruned_seq, pruned_hash) = (select last_seq, hash from "
                      "block); delete from entry where seq <= (select last_seq from block);"
                      "delete from block"));
}

BOOST_AUTO_TEST_CASE(flipped_byte_in_the_file_is_found_by_both) {
  const auto file = copy_changed_by("update chain set id = 1");
  auto bytes = read_text(file);
  const auto place = bytes.find("revoke api keys", bytes.size() / 2);
  BOOST_REQUIRE(place != std::string::npos);
  bytes[place] = 'R';
  write_text(file, bytes);
  const auto both = verdicts_on(file);
  BOOST_TEST(both.ours.starts_with("broken "));
  BOOST_TEST(both.ours == both.independent);
}

// SQLite opens no file that lacks pages at its end, so there is no entry that could be named.
BOOST_AUTO_TEST_CASE(truncated_file_is_found_by_both) {
  const auto file = copy_changed_by("update chain set id = 1");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  BOOST_TEST(call({"--journal", file.string(), "journal", "verify"}).status == 1);
  const auto other = run_command({"python3", kVerifier, file.string()});
  BOOST_TEST(other.status == 1);
  BOOST_TEST(other.out.starts_with("broken at "));
}

BOOST_FIXTURE_TEST_CASE(what_is_no_journal_is_refused_by_both, Cli) {
  const auto file = directory.write("text.db", "no database");
  BOOST_TEST(call({"--journal", file.string(), "journal", "verify"}).status == 2);
  BOOST_TEST(run_command({"python3", kVerifier, file.string()}).status == 2);
}

BOOST_FIXTURE_TEST_CASE(example_of_the_manual_page_is_right, Cli) {
  const auto result = run_command({"python3", kVerifier, "--self-test", kPage});
  BOOST_TEST(result.err == "");
  BOOST_TEST(result.status == 0);
}

/// The blocks of the page's source that begin with `select`.
std::vector<std::string> queries_in(const std::string& page) {
  std::vector<std::string> queries;
  std::string query;
  for (const auto& line : lines(page)) {
    if (line.starts_with("select ")) query = line;
    if (line == ".Ed" && !query.empty()) queries.push_back(std::exchange(query, ""));
    if (!query.empty() && query != line) query += "\n" + line;
  }
  return queries;
}

BOOST_FIXTURE_TEST_CASE(queries_of_the_manual_page_answer, Cli) {
  define("archive", archiver("") + "\n-- exec: tell\n--   /bin/true\n");
  add_accounts(2);
  archive_accounts("id = 1");
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  archive_accounts();
  die_at("pass.after_append", {"run", "archive"});
  const auto queries = queries_in(read_text(kPage));
  BOOST_TEST(queries.size() == 4u);
  for (auto query : queries) {
    const auto key = query.find("4711");
    if (key != std::string::npos) query.replace(key, 4, "1");
    BOOST_TEST_CONTEXT(query) { BOOST_TEST(ask_journal(query) != ""); }
  }
}

BOOST_FIXTURE_TEST_CASE(manual_page_names_every_table_column_kind_and_outcome, Cli) {
  define("archive", archiver(""));
  add_accounts(1);
  archive_accounts();
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  const auto page = read_text(kPage);
  for (const auto& name : lines(
           ask_journal("select name from sqlite_schema where type in ('table', 'view') union "
                       "select c.name from sqlite_schema t, pragma_table_info(t.name) c "
                       "where t.type = 'view' or t.name in "
                       "('entry', 'definition', 'actor', 'kind', 'outcome', 'block', 'chain')"))) {
    BOOST_TEST(std::regex_search(page, std::regex("\\b" + name + "\\b")), name);
  }
  for (const auto& item :
       lines(ask_journal("select '.It ' || id || '  Cm ' || name from kind union all "
                         "select '.It ' || id || '  Cm ' || name from outcome"))) {
    BOOST_TEST(contains(page, item + "\n"), item);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

#include "tests/cli/reader.h"
#include "tests/support/manual.h"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace {

using namespace converge::tests;

/// The person on call, with converge-recovery.7 at hand.
struct RecoveryPage : Cli {
  RecoveryPage() {
    add_accounts(3);
    archive_accounts();
    sql("delete from cluster;"
        "insert into cluster (id, account_id, name, region, plan) overriding system value "
        "select id * 10, id, 'c', 'eu-west-1', 'starter' from account");
    define("archive",
           "-- find:\nselect id, email as label from account where archived_at is not null;\n\n"
           "-- step: archive clusters\nupdate cluster set archived_at = now() from subject\n"
           "where account_id = subject.id and cluster.archived_at is null\n"
           "returning subject.id, cluster.id as cluster;\n\n"
           "-- exec: tell the owner\n--   /bin/echo goodbye {label}\n");
    std::filesystem::create_directory(directory / "bin");
    std::filesystem::create_symlink(std::filesystem::absolute(binary),
                                    directory / "bin" / "converge");
    environment["PATH"] = (directory / "bin").string() + ":" + std::getenv("PATH");
  }

  /// Types the commands of a block, each of which must print what is shown.
  void type(const std::string& mark) {
    const auto commands = commands_of(lines(page.block(mark)));
    BOOST_REQUIRE(!commands.empty());
    for (const Typed& typed : commands) {
      const auto ran = run_command({"bash", "-c", before + "{\n" + typed.command + "\n} 2>&1"},
                                   {.environment = environment, .directory = directory.path()});
      BOOST_TEST(is_as_shown(ran.out, typed.printed), "$ " << typed.command << "\n"
                                                           << ran.out << "instead of\n"
                                                           << typed.printed);
    }
  }

  void make_wrong() const { sql("update cluster set archived_at = null"); }

  Manual page{"converge-recovery.7"};
  std::string before;  ///< What the shell does first.
};

BOOST_FIXTURE_TEST_SUITE(recovery_page, RecoveryPage)

BOOST_AUTO_TEST_CASE(process_that_was_killed) {
  die_at("pass.after_commit", {"run", "archive"});
  type("killed");
}

BOOST_AUTO_TEST_CASE(unknown_is_settled_by_a_person) {
  die_at("pass.after_commit", {"run", "archive"});
  tamper("update entry set detail = json_set(detail, '$.timeline', 99) where kind = 1");
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  type("unknown");
  type("settle");
  BOOST_TEST(ask_journal("select count(*) from attempt where outcome = 'committed'") == "3");
}

BOOST_AUTO_TEST_CASE(full_disk) {
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  make_wrong();
  const auto blocks = std::filesystem::file_size(journal.string() + "-wal") / 1024;
  before = "trap '' XFSZ; ulimit -f " + std::to_string(blocks) + "; ";
  type("full");
  BOOST_TEST(sql("select count(*) from cluster where archived_at is null") == "3");
}

BOOST_AUTO_TEST_CASE(corrupt_journal) {
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  make_wrong();
  BOOST_REQUIRE(
      run_command({"sqlite3", journal.string(), "pragma wal_checkpoint(truncate)"}).status == 0);
  std::fstream(journal, std::ios::in | std::ios::out | std::ios::binary) << std::string(4096, 'x');
  type("corrupt");
}

BOOST_AUTO_TEST_CASE(journal_that_was_changed) {
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  tamper("update entry set label = 'mallory' where seq = 2");
  type("broken");
  make_wrong();
  BOOST_TEST(call({"run", "archive"}).status == 0);
}

BOOST_AUTO_TEST_CASE(backup_that_is_restored) {
  die_at("pass.after_commit", {"run", "archive"});
  type("restore");
  BOOST_TEST(ask_journal("select count(*) from attempt where outcome = 'committed'") == "3");
}

// The tables above make each of them happen; one more in the page would be typed by nobody.
BOOST_AUTO_TEST_CASE(no_other_block_is_to_be_typed) { BOOST_TEST(page.blocks().size() == 7u); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

#include "tests/pg/outside_world.h"
#include "tests/support/file_size_limit.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace converge::tests {
namespace {

/// The index of the journal's log fits, and nothing more in the log.
constexpr rlim_t kFull = 40'000;

/// What goes wrong around a call to the outside, which itself goes well.
struct Trouble : OutsideWorld {
  /// A pass whose first call waits until `let_go`.
  Background pass_in_a_call(const std::string& after = "") {
    script("while test ! -e " + (directory / "go").string() + "; do sleep 0.01; done");
    define("tell", archive_clusters("-- timeout: 60s") + call("-- for: changed") + after);
    return Background([this] { return run("tell"); });
  }
  void wait_for_a_call() const {
    wait_until("the first call", [&] { return !calls().empty(); });
  }
  /// So that the journal's log is longer than `kFull`.
  void write_much() {
    for (int time = 0; time < 20; ++time) {
      journal.pause({.converger = "other", .reason = "look first"});
      journal.resume("other", "");
    }
    BOOST_REQUIRE(std::filesystem::file_size(journal_file.string() + "-wal") > kFull);
  }
  void let_go() const { directory.write("go", ""); }

  /// That what was called is not called again, and what was not is.
  void goes_on(const std::string& called, const std::string& at_last) {
    BOOST_TEST(calls() == called);
    make_due();
    const auto result = run("tell");
    BOOST_TEST(!result.error.has_value());
    BOOST_TEST(calls() == at_last);
    BOOST_TEST(owed() == "0");
  }
  /// That the only call was the one that succeeded, and the step after it is yet to come.
  void ends_without_another_call() {
    BOOST_TEST(told() == "");
    goes_on("1", "1");
    BOOST_TEST(told() == "1x1");
    BOOST_TEST(attempts() == "committed|1");
  }
};

BOOST_FIXTURE_TEST_SUITE(outside_trouble, Trouble)

BOOST_AUTO_TEST_CASE(nothing_is_sent_that_the_full_disk_does_not_take) {
  leave_owing(2, archive_clusters() + call("-- for: changed"));
  script("exit 0");
  write_much();
  {
    const FileSizeLimit limit(kFull);
    const auto result = run("tell");
    BOOST_TEST_REQUIRE(result.error.has_value());
    BOOST_TEST(std::string(result.error->what()).find("journal.db") != std::string::npos);
    BOOST_TEST(result.failed == 0);
  }
  BOOST_TEST(owed() == "2");
  goes_on("", "1 2");
}

BOOST_AUTO_TEST_CASE(answer_that_the_full_disk_does_not_take_is_kept_in_memory) {
  archived_accounts(1);
  auto pass = pass_in_a_call(kMark);
  wait_for_a_call();
  write_much();
  {
    const FileSizeLimit limit(kFull);
    let_go();
    BOOST_TEST(pass.result().error.has_value());
  }
  ends_without_another_call();
}

BOOST_AUTO_TEST_CASE(lost_lock_stops_the_calls) {
  archived_accounts(3);
  auto pass = pass_in_a_call(kMark);
  wait_for_a_call();
  const std::string pid = sql("select pid from pg_locks where locktype = 'advisory'");
  sql("select pg_terminate_backend(" + pid + ")");
  wait_until("its end", [&] { return !std::filesystem::exists("/proc/" + pid); });
  let_go();
  const auto result = pass.result();
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST(std::string(result.error->what()).starts_with("lost the lock of the pass: "));
  BOOST_TEST(told() == "");
  goes_on("1", "1 2 3");
  BOOST_TEST(told() == "1x1 2x1 3x1");
}

BOOST_AUTO_TEST_CASE(server_that_restarts_during_a_call_loses_no_answer) {
  archived_accounts(1);
  auto pass = pass_in_a_call(kMark);
  wait_for_a_call();
  cluster.restart(PostgresCluster::StopMode::immediate);
  let_go();
  BOOST_TEST(pass.result().error.has_value());
  ends_without_another_call();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests

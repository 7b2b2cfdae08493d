#include "src/engine/quarantine.h"

#include "tests/pg/fixture.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

struct QuarantineWorld : World {
  /// Account 5's clusters cannot be archived.
  void forbid_five() const {
    sql("alter table cluster add constraint odd check (account_id <> 5 or archived_at is null)");
  }
  void allow_five() const { sql("alter table cluster drop constraint odd"); }
  /// As if its time had come.
  void make_due() const {
    SQLite::Database(journal_file.string(), SQLite::OPEN_READWRITE)
        .exec("update quarantine set next_us = 1");
  }
  std::string failures() const { return journaled("select count(*) from entry where kind = 5"); }
  std::string in_quarantine() {
    std::string text;
    for (const auto& one : journal.quarantined("archive")) {
      text += one.subject + ":" + std::to_string(one.failures) + (one.fight ? "!" : "");
    }
    return text;
  }
};

BOOST_FIXTURE_TEST_SUITE(quarantine, QuarantineWorld)

BOOST_AUTO_TEST_CASE(subject_that_always_fails_keeps_nobody_and_is_left_alone) {
  archived_accounts(10'000);
  forbid_five();
  define("archive", archive_clusters("-- chunk: 2000"));
  const auto first = run("archive");
  BOOST_TEST(summary(first) == "failed: 9999 of 10000 corrected, 9999 changes, 1 failed");
  BOOST_TEST_REQUIRE(first.again.has_value());
  BOOST_TEST(first.again->count() > 40'000);
  BOOST_TEST(first.again->count() <= 72'000);
  for (int i = 0; i < 3; ++i) {
    const auto result = run("archive");
    BOOST_TEST(summary(result) == "unchanged: 0 of 9999 corrected, 0 changes, 0 failed");
    BOOST_TEST(result.quarantined == 1);
    BOOST_TEST(result.again.has_value());
  }
  BOOST_TEST(failures() == "1");
  BOOST_TEST(in_quarantine() == "5:1");
}

BOOST_AUTO_TEST_CASE(subject_is_tried_when_it_is_due_and_freed_when_it_succeeds) {
  archived_accounts(9);
  forbid_five();
  for (const std::string settings : {"", "-- chunk: 2", "-- limit: 20"}) {
    define("archive", archive_clusters(settings));
    run("archive");
    BOOST_TEST(in_quarantine() == "5:1", settings);
    make_due();
    BOOST_TEST(run("archive").failed == 1);
    BOOST_TEST(in_quarantine() == "5:2", settings);
    allow_five();
    BOOST_TEST(run("archive").inconsistencies == 0);
    make_due();
    BOOST_TEST(summary(run("archive")) == "converged: 1 of 9 corrected, 1 changes, 0 failed");
    BOOST_TEST(in_quarantine() == "");
    sql("update cluster set archived_at = null");
    forbid_five();
  }
}

BOOST_AUTO_TEST_CASE(subject_whose_row_changed_or_that_was_named_is_tried_at_once) {
  archived_accounts(9);
  forbid_five();
  define("archive", archive_clusters());
  run("archive");
  sql("update account set email = 'else' where id = 5");
  BOOST_TEST(run("archive").failed == 1);
  BOOST_TEST(in_quarantine() == "5:2");
  BOOST_TEST(run("archive", {.subjects = {"5"}}).failed == 1);
  BOOST_TEST(in_quarantine() == "5:3");
  const auto woken = run("archive", {.subjects = {"5"}, .lenient = true});
  BOOST_TEST(summary(woken) == "unchanged: 0 of 0 corrected, 0 changes, 0 failed");
  BOOST_TEST(woken.quarantined == 1);
}

BOOST_AUTO_TEST_CASE(subject_that_is_not_found_any_more_is_freed) {
  archived_accounts(9);
  forbid_five();
  define("archive", archive_clusters());
  run("archive");
  sql("update account set archived_at = null where id = 5");
  BOOST_TEST(summary(run("archive")) == "unchanged: 0 of 8 corrected, 0 changes, 0 failed");
  BOOST_TEST(in_quarantine() == "");
}

BOOST_AUTO_TEST_CASE(time_in_quarantine_doubles_up_to_six_hours) {
  using std::chrono::minutes;
  using std::chrono::seconds;
  for (const auto& [failures, usual] : std::vector<std::pair<int, seconds>>{{1, minutes(1)},
                                                                            {2, minutes(2)},
                                                                            {5, minutes(16)},
                                                                            {10, minutes(360)},
                                                                            {1000, minutes(360)}}) {
    for (int i = 0; i < 50; ++i) {
      const auto time = engine::quarantine_time(failures);
      BOOST_TEST((time >= usual * 8 / 10));
      BOOST_TEST((time <= usual * 12 / 10));
    }
  }
}

BOOST_AUTO_TEST_CASE(settling_subjects_tell_when_to_look_again) {
  archived_accounts(2);
  define("archive", archive_clusters("-- settle: 1h"));
  const auto result = run("archive");
  BOOST_TEST_REQUIRE(result.again.has_value());
  BOOST_TEST((*result.again > std::chrono::minutes(59)));
  BOOST_TEST((*result.again <= std::chrono::minutes(60)));
}

BOOST_AUTO_TEST_CASE(fight_of_wake_ups_ends_in_quarantine) {
  archived_accounts(3);
  define("archive", archive_clusters());
  const RunOptions wake_up{.subjects = {"2"}, .lenient = true};
  for (int i = 1; i <= 10; ++i) {
    sql("update cluster set archived_at = null where account_id = 2");
    BOOST_TEST(run("archive", wake_up).failed == (i == 10 ? 1 : 0), i);
  }
  BOOST_TEST(in_quarantine() == "2:1!");
  sql("update cluster set archived_at = null where account_id = 2");
  BOOST_TEST(run("archive", wake_up).quarantined == 1);
  // A person who names it wants to see it tried.
  BOOST_TEST(run("archive", {.subjects = {"2"}}).inconsistencies == 1);
}

BOOST_AUTO_TEST_CASE(two_convergers_that_fight_end_in_quarantine_and_say_so) {
  archived_accounts(3);
  define("archive", archive_clusters());
  define("restore",
         "-- find:\nselect id from account where id = 2;\n-- step: restore\n"
         "update cluster set archived_at = null from subject where cluster.account_id = subject.id "
         "and archived_at is not null returning subject.id, cluster.id as cluster");
  for (int i = 0; i < 9; ++i) {
    BOOST_TEST(run("archive").failed == 0);
    BOOST_TEST(run("restore").failed == 0);
  }
  std::string told;
  const auto result = run(
      "archive", {.observer = {.failed = [&](const auto& subject, const auto&, const Error& error) {
                    told = subject + ": " + error.what();
                  }}});
  BOOST_TEST(result.failed == 1);
  BOOST_TEST(told ==
             "2: a fight: corrected again and again (archive clusters); corrected as well by "
             "restore");
  BOOST_TEST(in_quarantine() == "2:1!");
  BOOST_TEST(run("restore").failed == 1);
  BOOST_TEST(journal.quarantined("restore").at(0).message.find("by archive") != std::string::npos);
  for (const std::string name : {"archive", "restore"}) {
    BOOST_TEST(run(name).inconsistencies == 0);
  }
  make_due();  // Each corrected what the other did: the fight is on.
  BOOST_TEST(run("archive").failed == 1);
  BOOST_TEST(in_quarantine() == "2:2!");
  BOOST_TEST(failures() == "3");
}

BOOST_AUTO_TEST_CASE(retried_subject_of_a_fight_that_is_over_is_free) {
  archived_accounts(1);
  define("archive", archive_clusters());
  for (int i = 0; i < 10; ++i) {
    run("archive");
    sql("update cluster set archived_at = null");
  }
  BOOST_TEST(in_quarantine() == "1:1!");
  BOOST_TEST(journal.quarantined("archive").at(0).message.find("outside this journal") !=
             std::string::npos);
  BOOST_TEST(run("archive").inconsistencies == 0);
  BOOST_TEST(journal.retry("archive", "1") == 1);
  BOOST_TEST(summary(run("archive")) == "converged: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST(in_quarantine() == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests

#include "src/engine/outside.h"

#include "tests/pg/fixture.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

namespace converge::tests {
namespace {

/// Archives clusters, then tells a program of each account; and a mark, for what comes after.
struct OutsideWorld : World {
  OutsideWorld() {
    sql("create table told (account_id bigint primary key, times int not null default 1)");
    script("exit 0");
  }

  /// What the program does after it has written a line into the log: KEY IDEMPOTENCY_KEY.
  void script(const std::string& rest) const {
    directory.write("call", "#!/bin/sh\necho \"$1 $CONVERGE_IDEMPOTENCY_KEY\" >> " + log() + "\n" +
                                rest + "\n");
    std::filesystem::permissions(directory / "call", std::filesystem::perms::owner_all);
  }
  std::string log() const { return (directory / "log").string(); }

  std::string call(const std::string& directives) const {
    return "-- exec: tell\n--   " + (directory / "call").string() + " {id}\n" + directives + "\n";
  }

  /// Lines of the log; with `part` 1 or 2 that column alone; sorted.
  std::string calls(int part = 1) const {
    std::ifstream file(log());
    std::vector<std::string> lines;
    for (std::string key, idempotency; file >> key >> idempotency;) {
      lines.push_back(part == 1 ? key : idempotency);
    }
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const std::string& line : lines) text += (text.empty() ? "" : " ") + line;
    return text;
  }
  void forget_calls() const { std::filesystem::remove(log()); }

  std::string told() const {
    return sql(
        "select coalesce(string_agg(account_id || 'x' || times, ' ' order by account_id), "
        "'') from told");
  }
  std::string owed() const { return journaled("select count(*) from owed"); }
  std::string attempts() const {
    return journaled("select outcome, count(*) from attempt group by 1 order by 1");
  }
  /// As if the time of all in quarantine had come.
  void make_due() const { change("update quarantine set next_us = 1"); }
  /// As if what was done for those found had been done an hour ago.
  void change(const std::string& state) const {
    SQLite::Database(journal_file.string(), SQLite::OPEN_READWRITE).exec(state);
  }
  void make_old() const { change("update outside_last set done_us = done_us - 3600000000"); }
};

const std::string kMark =
    "-- step: mark\ninsert into told select id from subject on conflict do nothing "
    "returning account_id, times;\n";
constexpr std::size_t kKeySize = 32 + 1 + 8;
const std::string kForFound = "-- for: found\n-- repeat: 10m";

BOOST_FIXTURE_TEST_SUITE(outside, OutsideWorld)

BOOST_AUTO_TEST_CASE(acts_once_for_each_subject_that_was_changed) {
  archived_accounts(5);
  sql("update cluster set archived_at = now() where account_id = 2");
  for (const std::string settings : {"", "-- chunk: 2\n-- parallel: 2", "-- limit: 20"}) {
    define("tell", archive_clusters(settings) + call("-- for: changed") + kMark);
    const auto result = run("tell");
    BOOST_TEST(summary(result) == "converged: 4 of 5 corrected, 8 changes, 0 failed", settings);
    BOOST_TEST(calls() == "1 3 4 5");
    BOOST_TEST(told() == "1x1 3x1 4x1 5x1");
    BOOST_TEST(summary(run("tell")) == "unchanged: 0 of 5 corrected, 0 changes, 0 failed");
    BOOST_TEST(calls() == "1 3 4 5");
    BOOST_TEST(owed() == "0");
    sql("update cluster set archived_at = null where account_id <> 2; delete from told");
    forget_calls();
  }
  BOOST_TEST(attempts() == "committed|12");
}

BOOST_AUTO_TEST_CASE(acts_for_those_found_once_per_repeat) {
  archived_accounts(3);
  for (const std::string settings : {"", "-- chunk: 2", "-- limit: 20"}) {
    define("tell", settings + "\n" + kFindArchived + call(kForFound));
    BOOST_TEST(summary(run("tell")) == "converged: 3 of 3 corrected, 0 changes, 0 failed");
    BOOST_TEST(calls() == "1 2 3", settings);
    BOOST_TEST(summary(run("tell")) == "unchanged: 0 of 3 corrected, 0 changes, 0 failed");
    BOOST_TEST(calls() == "1 2 3");
    const std::string keys = calls(2);
    make_old();
    forget_calls();
    BOOST_TEST(run("tell").inconsistencies == 3);
    BOOST_TEST(calls() == "1 2 3");
    BOOST_TEST(calls(2) != keys);  // Another inconsistency by now.
    make_old();
    forget_calls();
  }
}

BOOST_AUTO_TEST_CASE(failure_is_that_subjects_alone_and_keeps_its_key) {
  archived_accounts(4);
  script("test $1 != 3");
  define("tell", archive_clusters() + call("-- for: changed") + kMark);
  BOOST_TEST(summary(run("tell")) == "failed: 4 of 4 corrected, 7 changes, 1 failed");
  BOOST_TEST(told() == "1x1 2x1 4x1");
  const auto failed = journal.quarantined("tell");
  BOOST_TEST_REQUIRE(failed.size() == 1U);
  BOOST_TEST(failed[0].subject == "3");
  BOOST_TEST(failed[0].message.find("step tell") == 0U, failed[0].message);
  forget_calls();
  run("tell");
  BOOST_TEST(calls() == "");  // Its time has not come.
  BOOST_TEST(owed() == "1");
  make_due();
  run("tell");
  make_due();
  script("exit 0");
  BOOST_TEST(summary(run("tell")) == "converged: 1 of 4 corrected, 1 changes, 0 failed");
  BOOST_TEST(calls() == "3 3");
  BOOST_TEST(calls(2).substr(0, kKeySize) == calls(2).substr(kKeySize + 1));
  BOOST_TEST(told() == "1x1 2x1 3x1 4x1");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(journal.quarantined("tell").empty());
  BOOST_TEST(attempts() == "committed|4\nfailed|2");
}

BOOST_AUTO_TEST_CASE(what_is_owed_is_done_although_find_returns_the_subject_no_more) {
  archived_accounts(2);
  script("exit 1");
  define("tell", archive_clusters() + call("-- for: changed") + kMark);
  run("tell");
  sql("update account set archived_at = null");
  run("tell");
  BOOST_TEST(journal.quarantined("tell").size() == 2U);
  make_due();
  script("exit 0");
  forget_calls();
  run("tell");
  BOOST_TEST(calls() == "1 2");
  BOOST_TEST(told() == "1x1 2x1");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(journal.quarantined("tell").empty());
}

BOOST_AUTO_TEST_CASE(what_is_not_found_any_more_is_not_done_for_those_found) {
  archived_accounts(2);
  script("exit 1");
  define("tell", kFindArchived + call(kForFound));
  run("tell");
  const std::string keys = calls(2);
  sql("update account set archived_at = null where id = 1");
  make_due();
  forget_calls();
  run("tell");
  BOOST_TEST(calls() == "2");
  sql("update account set archived_at = now() where id = 1");
  script("exit 0");
  make_due();
  forget_calls();
  run("tell");
  BOOST_TEST(calls() == "1 2");
  const auto is_new = [&](const std::string& key) { return keys.find(key) == std::string::npos; };
  BOOST_TEST(is_new(calls(2).substr(0, kKeySize)) !=
             is_new(calls(2).substr(kKeySize + 1)));  // Archived anew.
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_for_what_was_rolled_back) {
  archived_accounts(3);
  sql("alter table cluster add constraint odd check (account_id <> 2 or archived_at is null); "
      "create function refuse() returns trigger language plpgsql as $$ begin "
      "if new.account_id = 3 then raise exception 'no' using errcode = '23514'; end if; "
      "return null; end $$; create constraint trigger late after update on cluster deferrable "
      "initially deferred for each row execute function refuse()");
  define("tell", archive_clusters() + call("-- for: changed"));
  BOOST_TEST(summary(run("tell")) == "failed: 1 of 3 corrected, 1 changes, 2 failed");
  BOOST_TEST(calls() == "1");
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_CASE(limit_counts_those_that_would_be_acted_for) {
  archived_accounts(5);
  define("tell", "-- limit: 4\n" + kFindArchived + call(kForFound));
  const auto held = run("tell");
  BOOST_TEST(summary(held) == "held: 5 of 5 corrected, 0 changes, 0 failed");
  BOOST_TEST(calls() == "");
  const auto planned = plan("tell");
  BOOST_TEST(planned.hold->digest == held.hold->digest);
  journal.release("tell", held.hold->digest);
  BOOST_TEST(summary(run("tell")) == "converged: 5 of 5 corrected, 0 changes, 0 failed");
  BOOST_TEST(calls() == "1 2 3 4 5");
}

BOOST_AUTO_TEST_CASE(plan_tells_and_calls_nothing) {
  archived_accounts(2);
  define("tell", archive_clusters() + call("-- for: changed") + kMark);
  std::vector<std::string> details;
  const engine::PassObserver observer{
      .corrected = [&](const auto& record) { details.push_back(record.detail); }};
  BOOST_TEST(summary(plan("tell", {.observer = observer})) ==
             "planned: 2 of 2 corrected, 4 changes, 0 failed");
  BOOST_TEST_REQUIRE(details.size() == 2U);
  BOOST_TEST(details[0].find(R"("planned":[{"title":"tell","request":")") != std::string::npos,
             details[0]);
  BOOST_TEST(details[0].find("mark") != std::string::npos, details[0]);
  BOOST_TEST(calls() == "");
  BOOST_TEST(told() == "");
  define("found", kFindArchived + call(kForFound));
  BOOST_TEST(plan("found").inconsistencies == 2);
  BOOST_TEST(calls() == "");
}

BOOST_AUTO_TEST_CASE(pass_that_is_stopped_leaves_the_rest_owed) {
  archived_accounts(6);
  std::atomic<bool> stop{false};
  script("while test ! -e " + (directory / "go").string() + "; do sleep 0.01; done");
  define("tell", archive_clusters() + call("-- for: changed") + kMark);
  Background pass([&] { return run("tell", {.stop = &stop}); });
  wait_until("the first call", [&] { return !calls().empty(); });
  stop = true;
  directory.write("go", "");
  BOOST_TEST(engine::name_of(pass.result().outcome) == "interrupted");
  BOOST_TEST(owed() == "6");
  script("exit 0");
  BOOST_TEST(run("tell").failed == 0);
  BOOST_TEST(told() == "1x1 2x1 3x1 4x1 5x1 6x1");
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_CASE(no_more_calls_at_once_than_parallel_says) {
  archived_accounts(24);
  const std::string busy = (directory / "busy").string();
  std::filesystem::create_directory(busy);
  script("touch " + busy + "/$1; ls " + busy + " | wc -l >> " + busy + ".log; sleep 0.03; rm " +
         busy + "/$1");
  define("tell", archive_clusters("-- chunk: 6\n-- parallel: 3") + call("-- for: changed"));
  BOOST_TEST(run("tell").failed == 0);
  int most = 0;
  std::ifstream file(busy + ".log");
  for (int now = 0; file >> now;) most = std::max(most, now);
  BOOST_TEST(most == 3);
}

BOOST_AUTO_TEST_CASE(paused_converger_sends_nothing_that_is_owed) {
  archived_accounts(1);
  script("exit 1");
  define("tell", archive_clusters() + call("-- for: changed"));
  run("tell");
  make_due();
  forget_calls();
  journal.pause({.converger = "tell", .reason = "look first"});
  run("tell");
  BOOST_TEST(calls() == "");
  journal.resume("tell", "");
  run("tell");
  BOOST_TEST(calls() == "1");
}

BOOST_AUTO_TEST_CASE(step_that_left_the_definition_is_given_up_once_and_told) {
  archived_accounts(1);
  script("exit 1");
  define("tell", archive_clusters() + call("-- for: changed"));
  run("tell");
  make_due();
  forget_calls();
  define("tell", archive_clusters());
  run("tell");
  run("tell");
  BOOST_TEST(calls() == "");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(journaled("select count(*) from entry where kind = 5 and detail like '%is not in the "
                       "definition any more%'") == "1");
}

BOOST_AUTO_TEST_CASE(steps_outside_follow_each_other) {
  archived_accounts(3);
  const std::string first = call("-- for: changed");
  std::string second = call("-- for: changed");
  second.replace(second.find("tell"), 4, "tell again");
  define("tell", archive_clusters() + first + kMark + second +
                     "-- step: count\nupdate told set times = times + 1 from subject where "
                     "account_id = subject.id and times = 1 returning account_id;\n");
  BOOST_TEST(summary(run("tell")) == "converged: 3 of 3 corrected, 9 changes, 0 failed");
  BOOST_TEST(calls() == "1 1 2 2 3 3");
  BOOST_TEST(told() == "1x2 2x2 3x2");
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_CASE(step_keeps_its_key_wherever_the_definition_puts_it) {
  archived_accounts(1);
  const std::string tell = call("-- for: changed");
  std::string audit = tell;
  audit.replace(audit.find("tell"), 4, "audit");
  audit.insert(audit.find(" {id}") + 5, "a");  // So that the log tells the two apart.
  script("test $1 = 1a");
  define("tell", archive_clusters() + audit + tell);
  run("tell");
  BOOST_TEST(calls() == "1 1a");
  for (const std::string& steps : {tell, audit + tell, tell + audit}) {
    define("tell", archive_clusters() + steps);
    make_due();
    run("tell");
    BOOST_TEST(owed() == "1", steps);
  }
  script("exit 0");
  make_due();
  run("tell");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(journaled("select title, count(distinct key) from attempt group by 1 order by 1") ==
             "audit|1\ntell|1");
  BOOST_TEST(journaled("select outcome, count(*) from attempt where title = 'tell' group by 1") ==
             "committed|1\nfailed|4");
}

BOOST_AUTO_TEST_CASE(limit_is_not_on_what_was_owed_before) {
  archived_accounts(4);
  sql("update account set archived_at = null where id > 2");
  script("exit 1");
  define("tell", archive_clusters("-- limit: 2") + call("-- for: changed"));
  run("tell");
  sql("update account set archived_at = now() where id = 3");
  make_due();
  script("exit 0");
  BOOST_TEST(summary(run("tell")) == "converged: 3 of 3 corrected, 1 changes, 0 failed");
  // And a hold is on what is new.
  script("exit 1");
  sql("update cluster set archived_at = null where account_id = 1");
  run("tell");
  sql("update cluster set archived_at = null; update account set archived_at = now()");
  forget_calls();
  run("tell");
  make_due();
  script("exit 0");
  BOOST_TEST(engine::name_of(run("tell").outcome) == "held");
  BOOST_TEST(calls() == "1");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(journal.quarantined("tell").empty());
}

BOOST_AUTO_TEST_CASE(pass_of_some_subjects_leaves_alone_what_is_owed_to_others) {
  archived_accounts(3);
  sql("update account set archived_at = null where id = 3");
  script("exit 1");
  define("tell", archive_clusters("-- limit: 9") + call("-- for: changed"));
  run("tell");
  sql("update account set archived_at = now() where id = 3");
  script("exit 0");
  forget_calls();
  BOOST_TEST(run("tell", {.subjects = {"3"}}).failed == 0);
  BOOST_TEST(calls() == "3");
  BOOST_TEST(owed() == "2");
}

BOOST_AUTO_TEST_CASE(what_died_before_its_answer_has_another_key_when_it_is_found_anew) {
  archived_accounts(1);
  define("tell", kFindArchived + call(kForFound));
  run("tell");
  change("update outside_last set key = 'of-the-dead', done_us = 0, tried_us = 1");
  run("tell");
  BOOST_TEST(calls(2).find("of-the-dead") != std::string::npos);  // Still the same inconsistency.
  change("update outside_last set key = 'of-the-dead', done_us = 0, tried_us = 1");
  sql("update account set archived_at = null");
  run("tell");
  sql("update account set archived_at = now()");
  forget_calls();
  run("tell");
  BOOST_TEST(calls() == "1");
  BOOST_TEST(calls(2).find("of-the-dead") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(redacted_column_is_not_kept_with_what_is_owed) {
  archived_accounts(1);
  script("exit 1");
  std::string tell = call("-- for: changed");
  tell.insert(tell.find(" {id}") + 5, " {label}");
  define("tell", archive_clusters("-- redact: label") + tell);
  run("tell");
  const std::string kept = journaled("select row from owed");
  BOOST_TEST(kept.find(R"("columns":["id"])") != std::string::npos, kept);
  script("test $2 = user1@example.com");
  make_due();
  run("tell");
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_CASE(column_that_find_has_learnt_since_is_read) {
  archived_accounts(1);
  script("exit 1");
  define("tell", archive_clusters() + call("-- for: changed"));
  run("tell");
  std::string text = archive_clusters() + call("-- for: changed");
  text.insert(text.find("as label") + 8, ", 7 as answer");
  text.insert(text.find("{id}") + 4, " {answer}");
  define("tell", text);
  script("test $2 = 7");
  make_due();
  run("tell");
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests

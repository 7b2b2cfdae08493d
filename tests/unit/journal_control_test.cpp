#define BOOST_TEST_DYN_LINK
#include "journal/redact.h"
#include "journal/repeats.h"
#include "src/base/clock.h"
#include "tests/unit/journal_fixture.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

constexpr const char* kName = "archive_account";
constexpr std::int64_t kHour = 3'600'000'000;

struct ControlFixture : JournalFixture {
  Journal journal = open("alice");

  void quarantine(const std::string& subject, std::int64_t failures = 1,
                  std::int64_t next_us = kHour) {
    PassId pass;
    journal.quarantine(pass,
                       {.kind = Kind::failure,
                        .definition = DefinitionId{kName, ""},
                        .subject = subject,
                        .detail = R"({"message":"no such plan"})"},
                       {.converger = kName,
                        .subject = subject,
                        .label = "label of " + subject,
                        .failures = failures,
                        .since_us = 5,
                        .next_us = next_us,
                        .row = "digest",
                        .message = "no such plan",
                        .sqlstate = "23514"});
  }
  std::vector<std::string> subjects() {
    std::vector<std::string> keys;
    for (const auto& one : journal.quarantined(kName)) keys.push_back(one.subject);
    return keys;
  }
  LastPass noted(const std::string& outcome, bool corrected, bool complete = true,
                 const std::string& message = "") {
    journal.note_pass({.converger = kName,
                       .time_us = 9,
                       .outcome = outcome,
                       .correction_us = corrected ? 9 : 0,
                       .message = message,
                       .complete = complete});
    journal.flush();
    return Reader(file).last_passes().at(kName);
  }
  /// A pass that corrected these subjects, with its `pass` entry.
  void correct(const std::vector<std::string>& keys, Outcome outcome = Outcome::committed,
               const std::string& more = "") {
    journal.register_definition(journal_definition(), kJournalText);
    PassId pass;
    std::size_t index = 0;
    Inconsistency record;
    const auto txn =
        journal.append_pending(pass, journal_definition(), {}, [&]() -> const Inconsistency* {
          if (index == keys.size()) return nullptr;
          record.subject = keys[index++];
          record.detail = "{}";
          return &record;
        });
    journal.append_outcome(pass, journal_definition(), txn, outcome);
    journal.append(pass, {.kind = Kind::pass,
                          .definition = journal_definition(),
                          .count = static_cast<std::int64_t>(keys.size()),
                          .detail = fmt::format(R"({{"outcome":"converged","changes":{}{}}})",
                                                keys.size(), more)});
  }
};

using Keys = std::vector<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_control, ControlFixture)

BOOST_AUTO_TEST_CASE(pause_is_journaled_and_in_force) {
  BOOST_TEST(!journal.standing(kName).pause.has_value());
  const auto until_us = wall_time_us() + kHour;
  journal.pause({.converger = kName, .until_us = until_us, .reason = "billing \"moves\""});
  const auto pause = journal.standing(kName).pause;
  BOOST_REQUIRE(pause.has_value());
  BOOST_TEST(pause->actor == "alice");
  BOOST_TEST(pause->reason == "billing \"moves\"");
  BOOST_TEST(pause->until_us == until_us);
  BOOST_TEST(pause->since_us > 0);
  BOOST_TEST(!journal.standing("other").pause.has_value());
  const auto all = entries();
  BOOST_REQUIRE(all.size() == 1u);
  BOOST_TEST((all[0].entry.kind == Kind::pause));
  BOOST_TEST(all[0].entry.definition->name == kName);
  BOOST_TEST(all[0].actor == "alice");
  BOOST_TEST(*all[0].entry.detail ==
             R"({"until":")" + format_utc(until_us) + R"(","reason":"billing \"moves\""})");
}

BOOST_AUTO_TEST_CASE(pause_again_replaces_all_but_since_when) {
  journal.pause({.converger = kName, .reason = "first"});
  const auto since_us = journal.standing(kName).pause->since_us;
  journal.pause({.converger = kName, .until_us = wall_time_us() + kHour, .reason = "second"});
  BOOST_TEST(journal.standing(kName).pause->reason == "second");
  BOOST_TEST(journal.standing(kName).pause->since_us == since_us);
  BOOST_TEST(entries().size() == 2u);
}

BOOST_AUTO_TEST_CASE(pause_ends_by_itself) {
  journal.pause({.converger = kName, .until_us = wall_time_us() - 1, .reason = "over"});
  BOOST_TEST(!journal.standing(kName).pause.has_value());
  BOOST_TEST(!journal.resume(kName, ""));
  BOOST_TEST(entries().size() == 1u);
}

BOOST_AUTO_TEST_CASE(resume_lifts_one_pause) {
  journal.pause({.converger = kName, .reason = "this"});
  journal.pause({.converger = "", .reason = "all"});
  BOOST_TEST(journal.standing(kName).pause->reason == "this");
  BOOST_TEST(journal.standing("other").pause->reason == "all");
  BOOST_TEST(journal.resume(kName, "done"));
  BOOST_TEST(!journal.resume(kName, "done"));
  BOOST_TEST(journal.standing(kName).pause->reason == "all");
  BOOST_TEST(journal.resume("", "all done"));
  BOOST_TEST(!journal.standing(kName).pause.has_value());
  const auto all = entries();
  BOOST_REQUIRE(all.size() == 4u);
  BOOST_TEST(*all[2].entry.detail == R"({"reason":"done"})");
  BOOST_TEST(*all[3].entry.detail == R"({"all":true,"reason":"all done"})");
  BOOST_TEST(!all[3].entry.definition.has_value());
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(quarantine_is_told_and_remembered_at_once) {
  quarantine("b", 2, 2 * kHour);
  quarantine("a", 1, kHour);
  quarantine("b", 3, 3 * kHour);
  const auto all = journal.quarantined(kName);
  BOOST_REQUIRE(all.size() == 2u);
  BOOST_TEST(all[0].subject == "a");
  BOOST_TEST(all[1].subject == "b");
  BOOST_TEST(all[1].failures == 3);
  BOOST_TEST(all[1].next_us == 3 * kHour);
  BOOST_TEST(all[1].since_us == 5);
  BOOST_TEST(*all[1].label == "label of b");
  BOOST_TEST(all[1].row == "digest");
  BOOST_TEST(all[1].message == "no such plan");
  BOOST_TEST(all[1].sqlstate == "23514");
  BOOST_TEST(!all[1].fight);
  BOOST_TEST(journal.quarantined("other").empty());
  BOOST_TEST(entries({.kinds = {Kind::failure}}).size() == 3u);
}

BOOST_AUTO_TEST_CASE(quarantine_without_its_entry_is_not_remembered) {
  PassId pass;
  BOOST_CHECK_THROW(
      journal.quarantine(pass,
                         {.kind = Kind::failure, .definition = DefinitionId{kName, "unregistered"}},
                         {.converger = kName, .subject = "a"}),
      Error);
  BOOST_TEST(subjects().empty());
  BOOST_TEST(pass.id == 0);
}

BOOST_AUTO_TEST_CASE(redaction_erases_what_quarantine_tells) {
  quarantine("a");
  redact(file, "eve", "a", std::nullopt, "law", std::chrono::seconds(10));
  const auto all = journal.quarantined(kName);
  BOOST_REQUIRE(all.size() == 1u);
  BOOST_TEST(all[0].message.empty());
  BOOST_TEST(!all[0].label.has_value());
  BOOST_TEST(all[0].next_us == kHour);
}

BOOST_AUTO_TEST_CASE(freed_subjects_are_forgotten) {
  quarantine("a");
  quarantine("b");
  journal.free(kName, {});
  journal.free("other", {"a"});
  BOOST_TEST((subjects() == Keys{"a", "b"}));
  journal.free(kName, {"a", "never there"});
  BOOST_TEST((subjects() == Keys{"b"}));
}

BOOST_AUTO_TEST_CASE(retry_makes_due_and_keeps_the_count) {
  quarantine("a", 4);
  quarantine("b", 5);
  BOOST_TEST(journal.retry(kName, "c") == 0);
  BOOST_TEST(journal.retry("other", std::nullopt) == 0);
  BOOST_TEST(journal.retry(kName, "b") == 1);
  const auto all = journal.quarantined(kName);
  BOOST_TEST(all[0].subject == "b");
  BOOST_TEST(all[0].next_us == 0);
  BOOST_TEST(all[0].failures == 5);
  BOOST_TEST(all[1].next_us == kHour);
  BOOST_TEST(journal.retry(kName, std::nullopt) == 2);
  const auto retries = entries({.kinds = {Kind::retry}});
  BOOST_REQUIRE(retries.size() == 2u);
  BOOST_TEST(*retries[0].entry.subject == "b");
  BOOST_TEST(*retries[1].entry.count == 2);
  BOOST_TEST(!retries[1].entry.subject.has_value());
}

BOOST_AUTO_TEST_CASE(streak_counts_complete_passes_that_corrected) {
  BOOST_TEST(noted("converged", true).streak == 1);
  BOOST_TEST(noted("converged", true).streak == 2);
  BOOST_TEST(noted("converged", true, false).streak == 2);  // Narrowed to some subjects.
  BOOST_TEST(noted("unchanged", false, false).streak == 2);
  BOOST_TEST(noted("failed", false, true, "no connection").streak == 2);
  BOOST_TEST(noted("failed", true).streak == 3);
  BOOST_TEST(noted("unchanged", false).streak == 0);
}

BOOST_AUTO_TEST_CASE(failed_passes_in_a_row_are_counted) {
  BOOST_TEST(noted("failed", false, true, "permission denied").failures == 1);
  const auto twice = noted("failed", false, true, "no connection");
  BOOST_TEST(twice.failures == 2);
  BOOST_TEST(twice.message == "no connection");
  const auto well = noted("unchanged", false);
  BOOST_TEST(well.failures == 0);
  BOOST_TEST(well.message.empty());
}

BOOST_AUTO_TEST_CASE(subject_of_every_correcting_pass_is_found) {
  for (int pass = 0; pass < 3; ++pass) correct({"fought", "once " + std::to_string(pass)});
  BOOST_TEST((journal.in_a_row(kName, 3) == Keys{"fought"}));
  BOOST_TEST(journal.in_a_row(kName, 4).empty());
  BOOST_TEST(journal.in_a_row("other", 1).empty());
  correct({"calm", "else"});
  BOOST_TEST(journal.in_a_row(kName, 3).empty());
  BOOST_TEST((journal.in_a_row(kName, 1) == Keys{"calm", "else"}));
}

BOOST_AUTO_TEST_CASE(narrowed_and_undone_passes_make_no_row) {
  correct({"fought"});
  correct({"fought"}, Outcome::committed, R"(,"narrowed":true)");
  BOOST_TEST(journal.in_a_row(kName, 2).empty());
  correct({"fought"}, Outcome::rolled_back);
  BOOST_TEST(journal.in_a_row(kName, 2).empty());
  correct({"fought"});
  correct({"fought"});
  BOOST_TEST((journal.in_a_row(kName, 2) == Keys{"fought"}));
}

BOOST_AUTO_TEST_CASE(corrections_of_a_subject_are_counted_without_a_look_at_others) {
  const auto count = [&](const std::string& subject, std::int64_t since_us, int enough = 10) {
    return journal.count_corrections(kName, subject, since_us, enough);
  };
  for (int pass = 0; pass < 3; ++pass) correct({"fought", "once " + std::to_string(pass)});
  correct({"fought"}, Outcome::rolled_back);
  journal.flush();
  BOOST_TEST(count("fought", 0) == 3);
  BOOST_TEST(count("fought", 0, 2) == 2);
  BOOST_TEST(count("once 1", 0) == 1);
  BOOST_TEST(count("fought", wall_time_us() + kHour) == 0);
  BOOST_TEST(journal.count_corrections("other", "fought", 0, 10) == 0);

  SQLite::Database database(file.string());
  SQLite::Statement plan(database, std::string("explain query plan ") + kSelectCorrections);
  BOOST_REQUIRE(plan.executeStep());
  BOOST_TEST(plan.getColumn(3).getString().find("entry_subject") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(service_is_this_process_until_it_ends) {
  BOOST_TEST(!Reader(file).state().service.has_value());
  journal.begin_service({.since_us = 7, .address = "127.0.0.1:9187"});
  const auto service = Reader(file).state().service;
  BOOST_REQUIRE(service.has_value());
  BOOST_TEST((service->process == this_process()));
  BOOST_TEST(service->since_us == 7);
  BOOST_TEST(service->address == "127.0.0.1:9187");
  run_sql(file, "update service set pid = pid + 1");
  journal.end_service();
  BOOST_TEST(Reader(file).state().service.has_value());
  journal.begin_service({.since_us = 8});
  BOOST_TEST(Reader(file).state().service->since_us == 8);
  journal.end_service();
  BOOST_TEST(!Reader(file).state().service.has_value());
}

BOOST_AUTO_TEST_CASE(state_is_read_at_once) {
  quarantine("a");
  journal.pause({.converger = kName, .reason = "billing moves"});
  noted("failed", false, true, "no connection");
  const auto state = Reader(file).state();
  BOOST_TEST(state.last_passes.at(kName).message == "no connection");
  BOOST_TEST(state.pauses.size() == 1u);
  BOOST_TEST(state.quarantined.size() == 1u);
  BOOST_TEST(state.holds.empty());
}

BOOST_AUTO_TEST_SUITE_END()

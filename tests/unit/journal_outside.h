#pragma once

#include "tests/unit/journal_fixture.h"

#include <cstdint>
#include <string>
#include <vector>

namespace converge::tests {

/// A journal whose transactions plan steps outside the database.
struct OutsideFixture : JournalFixture {
  static constexpr const char* kName = "archive_account";

  /// A transaction that owes step 0 for each of `subjects`, by the key of `key_of`.
  std::int64_t plan(journal::Journal& journal, const std::vector<std::string>& subjects,
                    journal::PassId pass = {}, const std::string& row = "row") {
    journal.register_definition(journal_definition(), kJournalText);
    std::size_t index = 0;
    journal::Inconsistency record;
    return journal.append_pending(pass, journal_definition(),
                                  {.xid = "734", .server = {}, .database = "prod"},
                                  [&]() -> const journal::Inconsistency* {
                                    if (index == subjects.size()) return nullptr;
                                    record.subject = subjects[index++];
                                    record.label = "label of " + record.subject;
                                    record.detail = "{}";
                                    record.planned = {.key = key_of(record.subject), .row = row};
                                    return &record;
                                  });
  }
  std::int64_t settle(journal::Journal& journal, std::int64_t txn, journal::Outcome outcome) {
    journal.append_outcome({}, journal_definition(), txn, outcome);
    return txn;
  }

  static std::string key_of(const std::string& subject) {
    return std::string(32 - subject.size(), '0') + subject;
  }
  static journal::Attempt attempt_for(const std::string& subject) {
    return {.title = "request deprovisioning",
            .subject = subject,
            .label = "label of " + subject,
            .request = "POST http://machine/clusters/" + subject,
            .key = key_of(subject) + "-0"};
  }
  std::int64_t begin(journal::Journal& journal, const std::string& subject,
                     bool for_found = false) {
    journal.register_definition(journal_definition(), kJournalText);
    journal::PassId pass;
    return journal.begin_attempt(pass, journal_definition(), attempt_for(subject), for_found);
  }
  void end(journal::Journal& journal, std::int64_t seq, const std::string& subject,
           journal::Outcome outcome, journal::AttemptState state = journal::AttemptState::nothing) {
    journal.end_attempt({}, journal_definition(), seq, outcome,
                        R"({"status":"200","duration_ms":5.2})", attempt_for(subject), state);
  }

  /// The subjects of what a converger owes, in their order.
  static std::vector<std::string> owed(journal::Journal& journal,
                                       const std::string& converger = kName) {
    std::vector<std::string> subjects;
    for (const auto& one : all_owed(journal, converger)) subjects.push_back(one.subject);
    return subjects;
  }
  static std::vector<journal::Owed> all_owed(journal::Journal& journal,
                                             const std::string& converger = kName) {
    return journal.owed(converger, {.size = 1000});
  }
};

}  // namespace converge::tests

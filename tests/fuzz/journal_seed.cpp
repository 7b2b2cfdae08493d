#include "tests/fuzz/journal_seed.h"

#include "journal/journal.h"
#include "journal/prune.h"
#include "journal/redact.h"
#include "src/base/clock.h"
#include "src/base/digest.h"
#include "tests/support/temp_dir.h"

#include <fmt/format.h>

#include <chrono>

namespace converge::fuzz {
namespace {

using namespace journal;

const std::string kText = "-- find:\nselect id, name from account;\n";

DefinitionId definition() { return {"archive_account", hex(sha256(kText))}; }

/// A transaction about subjects `FIRST`, `FIRST + 1`, ...; of a few, every third owes a step.
std::int64_t append(Journal& journal, PassId& pass, int first, int count) {
  journal.register_definition(definition(), kText);
  int index = first;
  Inconsistency record;
  return journal.append_pending(
      pass, definition(),
      {.xid = "734", .server = {.system_identifier = "7298", .timeline = 1}, .database = "prod"},
      [&]() -> const Inconsistency* {
        if (index == first + count) return nullptr;
        record = {.subject = fmt::format("{}", index),
                  .label = fmt::format("{}@example.com", index),
                  .count = 2,
                  .detail = R"({"steps":[{"title":"archive clusters","count":2,"changes":[]}]})",
                  .planned = {}};
        if (index % 3 == 0 && count < 10) {
          record.planned = {.key = fmt::format("{:032}", first * 10'000 + count * 100 + index),
                            .row = "row"};
        }
        ++index;
        return &record;
      });
}

void attempt(Journal& journal, PassId& pass, const std::string& subject, Outcome outcome) {
  const Attempt made{.title = "tell the owner",
                     .subject = subject,
                     .label = {},
                     .request = "POST https://example.com/" + subject,
                     .key = fmt::format("{:0>32}-0", subject)};
  const auto seq = journal.begin_attempt(pass, definition(), made, true);
  if (outcome == Outcome::pending) return;
  journal.end_attempt(pass, definition(), seq, outcome, R"({"status":"200","duration_ms":5.2})",
                      made, AttemptState::found_done);
}

void append_people(Journal& journal, PassId& pass) {
  const auto now_us = wall_time_us();
  journal.pause({.converger = "", .since_us = 0, .until_us = 0, .actor = {}, .reason = "upgrade"});
  journal.resume("", "done");
  journal.pause({.converger = "other", .reason = "later"});
  journal.put_hold(pass, definition(),
                   {.converger = "archive_account",
                    .digest = "d1",
                    .inconsistencies = 9,
                    .allowed = 5,
                    .since_us = now_us},
                   "{}");
  journal.release("archive_account", std::nullopt);
  journal.quarantine(pass,
                     {.kind = Kind::failure,
                      .definition = definition(),
                      .subject = "4",
                      .detail = R"({"message":"permission denied","sqlstate":"42501"})"},
                     {.converger = "archive_account",
                      .subject = "4",
                      .failures = 3,
                      .since_us = now_us,
                      .next_us = now_us,
                      .message = "permission denied"});
  journal.append_update({.event = "installed", .build = 102, .from = 101},
                        {{"stable", {.seq = 7, .build = 102}}});
  journal.begin_service({.since_us = now_us, .address = "127.0.0.1:7432"});
  journal.note_pass({.converger = "archive_account",
                     .time_us = now_us,
                     .outcome = "corrected",
                     .correction_us = now_us});
  journal.settled("archive_account", {"5", "6"}, 1'000'000, 1);
}

void read_into(JournalSeed& seed, const std::filesystem::path& file) {
  seed.file = tests::read_text(file);
  seed.wal = tests::read_text(file.string() + "-wal");
  seed.head = Reader(file).head();
  seed.entries = entries_of(file);
}

Journal open(const std::filesystem::path& file) {
  return {file, "daemon", [](const std::string& /*notice*/) {}};
}

JournalSeed make_seed() {
  const tests::TempDir directory;
  const auto file = directory / "journal.db";
  {
    auto journal = open(file);
    PassId pass;
    journal.append_outcome(pass, definition(), append(journal, pass, 1, 4), Outcome::committed);
    journal.flush();
  }
  prune(file, "alice", wall_time_us() + 1'000'000, directory / "archive.db");
  {
    auto journal = open(file);
    PassId pass;
    const auto txn = append(journal, pass, 1, 7);
    attempt(journal, pass, "3", Outcome::committed);
    journal.append_outcome(pass, definition(), txn, Outcome::committed);
    journal.append_outcome(pass, definition(), append(journal, pass, 2, 2), Outcome::rolled_back);
    append_people(journal, pass);
    journal.flush();
  }
  redact(file, "alice", "2", std::nullopt, "asked to", std::chrono::seconds(10));
  auto journal = open(file);
  PassId pass;
  append(journal, pass, 8, 3);
  attempt(journal, pass, "9", Outcome::failed);
  attempt(journal, pass, "10", Outcome::pending);
  journal.append(pass, {.kind = Kind::pass, .definition = definition(), .detail = "{}"});
  journal.flush();
  JournalSeed seed;
  read_into(seed, file);
  return seed;
}

JournalSeed make_seed_with_blocks() {
  const tests::TempDir directory;
  const auto file = directory / "journal.db";
  auto journal = open(file);
  PassId pass;
  const auto txn = append(journal, pass, 1, 4100);
  journal.append_outcome(pass, definition(), txn, Outcome::committed);
  journal.flush();
  append(journal, pass, 1, 3);
  JournalSeed seed;
  read_into(seed, file);
  return seed;
}

template <typename Value>
std::string or_dash(const std::optional<Value>& value) {
  return value ? fmt::format("[{}]", *value) : "-";
}

}  // namespace

const JournalSeed& journal_seed() {
  static const JournalSeed seed = make_seed();
  return seed;
}

const JournalSeed& journal_seed_with_blocks() {
  static const JournalSeed seed = make_seed_with_blocks();
  return seed;
}

void write_journal(const JournalSeed& seed, const std::filesystem::path& file) {
  tests::write_text(file, seed.file);
  tests::write_text(file.string() + "-wal", seed.wal);
}

std::string text_of(const StoredEntry& stored) {
  const Entry& entry = stored.entry;
  const auto definition = entry.definition.value_or(DefinitionId{});
  const auto outcome = entry.outcome.value_or(Outcome{});
  return fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {}", stored.seq, stored.time_us,
                     static_cast<int>(entry.kind), or_dash(entry.pass), definition.name,
                     definition.version, or_dash(entry.txn), or_dash(entry.subject),
                     or_dash(entry.label), or_dash(entry.count), static_cast<int>(outcome),
                     or_dash(entry.detail), stored.actor, stored.build) +
         stored.hash;
}

std::vector<std::string> entries_of(const std::filesystem::path& file) {
  std::vector<std::string> texts;
  Reader(file).after(0, {}, [&](const StoredEntry& entry) { texts.push_back(text_of(entry)); });
  return texts;
}

}  // namespace converge::fuzz

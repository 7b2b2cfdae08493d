#include "tests/bench/journal_filling.h"

#include "journal/journal.h"
#include "src/base/clock.h"
#include "src/base/digest.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <stdexcept>

namespace converge {

namespace {

std::int64_t time_us = 0;

}  // namespace

// Takes the place of the library's: the generator writes a year in minutes.
std::int64_t wall_time_us() { return time_us; }

namespace bench {

namespace {

constexpr std::int64_t kChunk = 1000;
constexpr std::int64_t kChunksOfPass = 10;
constexpr std::int64_t kFailureEvery = 4000;  ///< Entries.
constexpr std::int64_t kTimesCorrected = 4;   ///< Each subject, about.
constexpr std::int64_t kRareTimes = 5;
constexpr std::int64_t kDay_us = 86'400'000'000;
constexpr std::int64_t kDays = 400;

struct Definition {
  std::string name;
  std::string text;

  journal::DefinitionId id() const { return {name, hex(sha256(text))}; }
};

class Filling {
 public:
  Filling(const std::filesystem::path& file, std::int64_t entries)
      : goal_(entries), subjects_(std::max<std::int64_t>(entries / kTimesCorrected, 1)) {
    using std::chrono::system_clock;
    now_us_ = std::chrono::duration_cast<std::chrono::microseconds>(
                  system_clock::now().time_since_epoch())
                  .count();
    advance();
    journal_ = std::make_unique<journal::Journal>(
        file, "daemon", [](const std::string& notice) { throw std::runtime_error(notice); });
    for (const Definition& definition : definitions_) {
      journal_->register_definition(definition.id(), definition.text);
    }
  }

  std::int64_t run() {
    while (written_ < goal_) {
      if (rare_ < kRareTimes && written_ * kRareTimes >= goal_ * rare_) correct_rarely();
      pass();
    }
    journal_->flush();
    return written_;
  }

 private:
  void advance() { time_us = now_us_ - kDays * kDay_us + kDays * kDay_us / goal_ * written_; }

  /// Of twenty passes, sixteen are of the common converger, whose text changes at half-time.
  const Definition& acting() const {
    const auto turn = passes_ % 20;
    if (turn < 16) return definitions_[written_ * 2 < goal_ ? 0 : 1];
    return definitions_[turn < 19 ? 2 : 3];
  }

  void pass() {
    const Definition& definition = acting();
    journal::PassId pass;
    std::int64_t corrected = 0;
    for (std::int64_t i = 0; i < kChunksOfPass && written_ < goal_; ++i) {
      const auto size = std::min(kChunk, std::max<std::int64_t>(goal_ - written_ - 3, 1));
      chunk(pass, definition, size);
      corrected += size;
      if (written_ >= next_failure_) fail(pass, definition);
    }
    append(pass,
           {.kind = journal::Kind::pass,
            .definition = definition.id(),
            .count = corrected,
            .detail = fmt::format(R"({{"outcome":"converged","trigger":"daemon","examined":{0},)"
                                  R"("changes":{1},"failed":0,"duration_ms":{2}}})",
                                  corrected, corrected * 5, corrected / 5)});
    ++passes_;
  }

  void chunk(journal::PassId& pass, const Definition& definition, std::int64_t size) {
    advance();
    std::int64_t left = size;
    const auto seq =
        journal_->append_pending(pass, definition.id(), next_txn(), [&] { return next(left); });
    journal_->append_outcome(pass, definition.id(), seq, outcome());
    written_ += size + 2;  // The outcome rides on the next append.
  }

  journal::Txn next_txn() {
    return {.xid = std::to_string(734 + 3 * ++txns_),
            .server = {.system_identifier = "7298113942038764223",
                       .timeline = 1,
                       .incarnation = "2026-01-01 00:00:00+00"},
            .database = "production"};
  }

  journal::Outcome outcome() const {
    if (txns_ % 1000 == 999) return journal::Outcome::unknown;
    return txns_ % 200 == 199 ? journal::Outcome::rolled_back : journal::Outcome::committed;
  }

  const journal::Inconsistency* next(std::int64_t& left) {
    if (left-- == 0) return nullptr;
    set_subject(++corrected_ % subjects_);
    return &record_;
  }

  void set_subject(std::int64_t key) {
    record_.subject = std::to_string(key);
    record_.label = fmt::format("owner{}@example.com", key);
    record_.count = 5;
    record_.detail = fmt::format(
        R"({{"steps":[{{"title":"archive clusters","count":2,"changes":[{{"cluster":{1}}},)"
        R"({{"cluster":{2}}}]}},{{"title":"revoke api keys","count":1,"changes":[{{"api_key":{1},)"
        R"("prefix":"cvg_{0:08x}_1"}}]}},{{"title":"remove team members","count":2,"changes":[)"
        R"({{"team_member":{1},"email":"member1-{0}@example.com"}},{{"team_member":{2},)"
        R"("email":"member2-{0}@example.com"}}]}}]}})",
        key, 2 * key + 1, 2 * key + 2);
  }

  void fail(journal::PassId& pass, const Definition& definition) {
    const auto key = corrected_ % subjects_;
    append(pass,
           {.kind = journal::Kind::failure,
            .definition = definition.id(),
            .subject = std::to_string(key),
            .label = fmt::format("owner{}@example.com", key),
            .outcome = journal::Outcome::failed,
            .detail = R"({"sqlstate":"23514","message":"step archive clusters: new row for )"
                      R"(relation \"cluster\" violates check constraint \"region_known\""})"});
    next_failure_ += kFailureEvery;
  }

  void correct_rarely() {
    journal::PassId pass;
    chunk(pass, definitions_.back(), 1);
    ++rare_;
  }

  void append(journal::PassId& pass, journal::Entry entry) {
    advance();
    journal_->append(pass, std::move(entry));
    ++written_;
  }

  const std::array<Definition, 5> definitions_ = {
      {{"archive_account", "-- find:\nselect id, email as label from account;\n"},
       {"archive_account", "-- limit: 500\n\n-- find:\nselect id, email as label from account;\n"},
       {"purge_token", "-- find:\nselect id from token;\n"},
       {"sync_plan", "-- find:\nselect id from plan;\n"},
       {"close_region", "-- find:\nselect id from region;\n"}}};
  std::int64_t goal_;
  std::int64_t subjects_;
  std::int64_t now_us_ = 0;
  std::unique_ptr<journal::Journal> journal_;
  journal::Inconsistency record_;
  std::int64_t written_ = 0;
  std::int64_t corrected_ = 0;
  std::int64_t passes_ = 0;
  std::int64_t txns_ = 0;
  std::int64_t rare_ = 0;
  std::int64_t next_failure_ = kFailureEvery;
};

}  // namespace

FilledJournal fill_journal(const std::filesystem::path& file, std::int64_t entries) {
  const auto written = Filling(file, entries).run();
  return {.file = file,
          .entries = written,
          .common = "archive_account",
          .rare = "close_region",
          .subject = std::to_string(entries / kTimesCorrected / 2),
          .nobody = "nobody@example.com"};
}

}  // namespace bench

}  // namespace converge

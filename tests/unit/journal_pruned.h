#pragma once

#include "journal/extent.h"
#include "journal/prune.h"
#include "src/base/clock.h"
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace converge::tests {

using namespace journal;

/// A journal of which a part goes into an archive.
struct Pruned : JournalFixture {
  std::filesystem::path archive = directory / "archive.db";

  std::int64_t append_settled(Journal& journal, int inconsistencies,
                              const std::string& prefix = "s", std::size_t detail_bytes = 0) {
    PassId pass;
    const auto txn = append_txn(journal, pass, inconsistencies, prefix, detail_bytes);
    journal.append_outcome(pass, journal_definition(), txn, Outcome::committed);
    journal.flush();
    return txn;
  }

  /// A time after all that is in the journal, and before all that is still to come.
  static std::int64_t mark() {
    const auto now_us = wall_time_us() + 1;
    while (wall_time_us() <= now_us) std::this_thread::yield();
    return now_us;
  }

  std::vector<std::string> hashes_in(const std::filesystem::path& journal) const {
    std::vector<std::string> hashes;
    Reader(journal).newest({.newest = 1'000'000},
                           [&](const auto& entry) { hashes.push_back(entry.hash); });
    return hashes;
  }

  Pruning prune_before(std::int64_t before_us, const UpkeepProgress& progress = {}) {
    return prune(file, "alice", before_us, archive, progress);
  }

  /// `before` is what the journal held; all of it is in the archive and the journal together, each
  /// entry once and in order, and both verify and meet.
  void require_moved(const std::vector<std::string>& before) {
    const auto archived = Reader(archive).verify();
    BOOST_TEST(!archived.broken_seq.has_value(), archived.reason);
    const auto kept = verify();
    BOOST_TEST(!kept.broken_seq.has_value(), kept.reason);
    auto all = hashes_in(archive);
    const auto rest = hashes_in(file);
    all.insert(all.end(), rest.begin(), rest.end());
    BOOST_REQUIRE(all.size() >= before.size());
    BOOST_TEST(std::equal(before.begin(), before.end(), all.begin()));
    const auto extent = extent_of(file);
    BOOST_TEST(extent.pruned_seq == archived.head_seq);
    BOOST_TEST(extent.pruned_hash == archived.head_hash);
    BOOST_TEST(extent.unfinished() == nullptr);
    BOOST_TEST(!std::filesystem::exists(archive.string() + ".partial"));
    BOOST_TEST(ask_sql(file, "select count(*) from entry where kind = 14") == "1");
  }

  /// A prune that ends after its first chunk of deletions, as if it had been killed there.
  void interrupt_prune(std::int64_t before_us) {
    struct Interrupted {};
    BOOST_CHECK_THROW(prune_before(before_us,
                                   [](UpkeepStage stage, auto, auto) {
                                     if (stage == UpkeepStage::deleting) throw Interrupted();
                                   }),
                      Interrupted);
  }
};

}  // namespace converge::tests

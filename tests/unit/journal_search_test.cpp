#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fnmatch.h>
#include <random>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

using Seqs = std::vector<std::int64_t>;

bool has(const auto& values, const auto& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

/// What the filter means, without any index.
bool matches(const StoredEntry& stored, const Filter& filter) {
  const Entry& entry = stored.entry;
  if (!filter.convergers.empty() &&
      std::none_of(filter.convergers.begin(), filter.convergers.end(), [&](const auto& pattern) {
        return entry.definition && fnmatch(pattern.c_str(), entry.definition->name.c_str(), 0) == 0;
      })) {
    return false;
  }
  const bool bookkeeping = entry.kind == Kind::txn || entry.kind == Kind::outcome;
  const std::string text = entry.subject.value_or("") + "\n" + entry.label.value_or("") + "\n" +
                           entry.detail.value_or("");
  return (!filter.subject || entry.subject == filter.subject) &&
         (filter.kinds.empty() ? filter.bookkeeping || !bookkeeping
                               : has(filter.kinds, entry.kind)) &&
         (filter.outcomes.empty() || (stored.settled && has(filter.outcomes, *stored.settled))) &&
         (!filter.pass || entry.pass == filter.pass) &&
         (!filter.actor || stored.actor == *filter.actor) &&
         (!filter.since_us || stored.time_us >= *filter.since_us) &&
         (!filter.until_us || stored.time_us <= *filter.until_us) &&
         (!filter.grep || text.find(*filter.grep) != std::string::npos ||
          (lower(*filter.grep) == *filter.grep &&
           lower(text).find(*filter.grep) != std::string::npos));
}

struct SearchFixture : JournalFixture {
  std::mt19937 random{20'261'122};
  std::vector<StoredEntry> all;

  int upto(int most) { return std::uniform_int_distribution<int>(0, most)(random); }

  /// More than two blocks, by two writers in turn, of every kind and outcome.
  SearchFixture() {
    auto alice = open("alice");
    auto daemon = open("daemon");
    for (int i = 0; i < 900; ++i) write(i % 3 == 0 ? alice : daemon);
    alice.flush();
    daemon.flush();
    all = entries({.newest = INT64_MAX});
    BOOST_REQUIRE(all.size() > 9000u);
    BOOST_REQUIRE(ask_sql(file, "select count(*) > 1 from block") == "1");
  }

  void write(Journal& journal) {
    PassId pass;
    const DefinitionId plain{upto(20) == 0 ? "rare" : "common", ""};
    std::optional<std::int64_t> late;
    if (upto(3) > 0) {
      const auto txn = append_txn(journal, pass, upto(25), upto(1) == 0 ? "s" : "t", 3);
      const auto outcome = static_cast<Outcome>(1 + upto(29) % 15);
      if (upto(9) == 0) {
        late = txn;  // Settled after its pass, by a person.
      } else if (outcome != Outcome::pending) {
        journal.append_outcome(pass, journal_definition(), txn,
                               outcome <= Outcome::unknown ? outcome : Outcome::committed);
      }
    }
    if (upto(9) == 0) {
      journal.append(pass, {.kind = Kind::failure,
                            .definition = plain,
                            .subject = "s-" + std::to_string(upto(30)),
                            .label = "Someone@Example.com",
                            .outcome = Outcome::failed,
                            .detail = R"({"message":"Needle in it"})"});
    }
    if (upto(4) > 0) {
      const bool failed = upto(50) == 0;
      journal.append(pass, {.kind = Kind::pass,
                            .definition = plain,
                            .outcome = failed ? std::optional(Outcome::failed) : std::nullopt,
                            .detail = "{}"});
    }
    if (late) journal.append_outcome(pass, journal_definition(), *late, Outcome::committed);
  }

  Filter random_filter() {
    Filter filter{.newest = INT64_MAX, .bookkeeping = upto(1) == 0};
    const auto sometimes = [&] { return upto(4) == 0; };
    if (sometimes()) {
      const std::vector<std::string> names = {"rare", "common", "arch*", "r?re", "*", "none"};
      filter.convergers.push_back(names.at(static_cast<std::size_t>(upto(5))));
      if (sometimes()) filter.convergers.emplace_back("rare");
    }
    if (sometimes()) filter.subject = "s-" + std::to_string(upto(35));
    if (sometimes()) {
      for (int i = upto(2); i >= 0; --i) {
        const auto kind = static_cast<Kind>(1 + upto(5));
        if (!has(filter.kinds, kind)) filter.kinds.push_back(kind);
      }
    }
    if (sometimes()) {
      for (int i = upto(1); i >= 0; --i) {
        const auto outcome = static_cast<Outcome>(1 + upto(4));
        if (!has(filter.outcomes, outcome)) filter.outcomes.push_back(outcome);
      }
    }
    const auto some = [&]() -> const StoredEntry& {
      return all[static_cast<std::size_t>(upto(static_cast<int>(all.size()) - 1))];
    };
    if (sometimes()) filter.pass = some().entry.pass;
    if (sometimes()) filter.actor = upto(1) == 0 ? "alice" : "nobody";
    if (sometimes()) filter.grep = upto(1) == 0 ? "needle" : "Needle";
    if (sometimes()) filter.since_us = some().time_us;
    if (sometimes()) filter.until_us = some().time_us;
    return filter;
  }

  Seqs expected(const Filter& filter) const {
    Seqs seqs;
    for (const auto& entry : all) {
      if (matches(entry, filter)) seqs.push_back(entry.seq);
    }
    return seqs;
  }
};

Seqs collect(const std::function<void(const Reader::Visit&)>& read) {
  Seqs seqs;
  read([&](const StoredEntry& entry) { seqs.push_back(entry.seq); });
  return seqs;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_search, SearchFixture)

BOOST_AUTO_TEST_CASE(every_way_finds_what_a_plain_look_at_each_entry_finds) {
  Reader reader(file);
  int hits = 0;
  for (int i = 0; i < 600; ++i) {
    Filter filter = random_filter();
    Seqs all_of_them = expected(filter);
    hits += all_of_them.empty() ? 0 : 1;
    BOOST_TEST_CONTEXT("filter " << i) {
      const auto half = static_cast<std::int64_t>(all_of_them.size()) / 2;
      const std::int64_t middle = half == 0 ? 0 : all_of_them[static_cast<std::size_t>(half - 1)];
      BOOST_TEST((collect([&](const auto& visit) { reader.after(middle, filter, visit); }) ==
                  Seqs(all_of_them.begin() + half, all_of_them.end())));
      filter.newest = half + 1;
      const std::size_t newest = std::min(all_of_them.size(), static_cast<std::size_t>(half) + 1);
      Seqs last(all_of_them.end() - static_cast<std::ptrdiff_t>(newest), all_of_them.end());
      BOOST_TEST((collect([&](const auto& visit) { reader.newest(filter, visit); }) == last));
      std::reverse(last.begin(), last.end());
      BOOST_TEST((collect([&](const auto& visit) { reader.newest_first(filter, visit); }) == last));
    }
  }
  BOOST_TEST(hits > 200);
}

BOOST_AUTO_TEST_SUITE_END()

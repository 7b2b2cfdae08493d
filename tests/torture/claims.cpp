#include "tests/torture/claims.h"

#include "tests/torture/closing_table.h"

#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

namespace converge::tests {
namespace {

std::vector<std::string> sorted_lines(const std::string& text) {
  auto all = lines(text);
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<std::string> recorded(const Cli& cli, int timeline, const std::string& outcomes) {
  return sorted_lines(cli.ask_journal(
      "select t.xid || '|' || c.key || '|' || s.subject || '|' || c.value "
      "from step s join \"transaction\" t on t.seq = s.txn, json_each(s.changes) r, "
      "json_each(r.value) c where t.timeline = " +
      std::to_string(timeline) + " and s.outcome in (" + outcomes + ")"));
}

/// What is in `these` and not in `those`, at most some of it.
std::string only_in(const std::vector<std::string>& these, const std::vector<std::string>& those) {
  std::vector<std::string> missing;
  std::set_difference(these.begin(), these.end(), those.begin(), those.end(),
                      std::back_inserter(missing));
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(missing.size(), 10); ++i) {
    text.append(missing[i]).append("\n");
  }
  return text;
}

}  // namespace

std::vector<std::string> audited_on(const PostgresCluster& server, const std::string& database,
                                    int timeline) {
  return sorted_lines(
      server.query(database,
                   "select concat_ws('|', xid, relation, account_id, row_id) from audit "
                   "where timeline = " +
                       std::to_string(timeline)));
}

void audit_timelines(const Cli& cli) {
  cli.sql(
      "alter table audit add column timeline int not null default "
      "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int");
}

void require_true_claims(const Cli& cli, int timeline, const std::vector<std::string>& audited) {
  const auto committed = recorded(cli, timeline, "'committed'");
  const auto possible = recorded(cli, timeline, "'committed', 'unknown'");
  BOOST_TEST(only_in(audited, possible) == "", "committed without a record that allows it:\n"
                                                   << only_in(audited, possible));
  BOOST_TEST(only_in(committed, audited) == "", "claimed and not so:\n"
                                                    << only_in(committed, audited));
  BOOST_TEST(cli.ask_journal("select count(*) from unsettled") == "0");
  const auto verified = cli.call({"journal", "verify"});
  BOOST_TEST(verified.status == 0);
  BOOST_TEST(verified.err == "");
}

void forget_all(const Cli& cli) {
  std::filesystem::remove_all(cli.journal.parent_path());
  cli.sql("truncate audit");
}

FaultTally::FaultTally(std::string title) : title_(std::move(title)) {}

FaultTally::~FaultTally() {
  ClosingTable table(title_, {"fault", "place", "times", "command ended with", "verdict"});
  for (const auto& [what, row] : rows_) {
    std::string ends;
    for (const auto& [end, times] : row.ends) {
      ends.append(ends.empty() ? "" : ", ").append(end).append(" x").append(std::to_string(times));
    }
    table.add({what.first, what.second, std::to_string(row.times), ends,
               row.wrong == 0 ? "true" : std::to_string(row.wrong) + " WRONG"});
  }
}

unsigned long FaultTally::failed_assertions() {
  namespace test = boost::unit_test;
  return test::results_collector.results(test::framework::current_test_case_id())
      .p_assertions_failed.get();
}

void FaultTally::count(const std::string& fault, const std::string& place, const std::string& end,
                       bool held) {
  Row& row = rows_[{fault, place}];
  ++row.times;
  ++row.ends[end];
  if (!held) ++row.wrong;
}

std::string end_of(const CommandResult& result) {
  if (result.timed_out) return "timed out";
  return result.signal == 0 ? std::to_string(result.status)
                            : "signal " + std::to_string(result.signal);
}

}  // namespace converge::tests

#include "tests/cli/agreement.h"
#include "tests/cli/daemon_fixture.h"
#include "tests/torture/closing_table.h"
#include "tests/torture/footprint.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace converge::tests;
using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr int kConvergers = 50;
constexpr int kListening = 10;  ///< Of them.
constexpr int kQuarters = 4;
/// A day's 1m, 5m, 15m and 1h in twenty minutes.
constexpr std::array kEvery = {"833ms", "4167ms", "12500ms", "50s"};
constexpr double kMegabyte = 1024.0 * 1024.0;
/// What a daemon may still grow by when it has seen everything once: the journal's share of a page
/// cache, the allocator's crumbs.
constexpr double kGrowth = 8 * kMegabyte;

/// Files that happen to be open when it is looked at, such as a definition that is compared.
constexpr int kForAMoment = 3;

/// What was seen of the daemon while a quarter of the time went by.
struct Quarter {
  Footprint most;            ///< The largest of each number.
  std::int64_t pages = 0;    ///< Bytes of the journal at its end.
  std::int64_t entries = 0;  ///< Of the journal at its end.
  std::string woken;         ///< Flags that a notification told of, `p50|p99|count`, in ms.
  std::string begun;         ///< When, as PostgreSQL writes it.
};

struct Load : Daemon {
  Load() {
    std::filesystem::remove(convergers / "archive.sql");
    sql("alter table audit add column at timestamptz not null default clock_timestamp();"
        "create table flag (account_id bigint not null, at timestamptz not null);"
        "create or replace function tell() returns trigger language plpgsql as $$ begin "
        "perform pg_notify('archived_' || new.id % " +
        std::to_string(kConvergers) + ", new.id::text); return null; end $$");
    add_accounts(accounts);
    sql("vacuum analyze");
    for (int part = 0; part < kConvergers; ++part) define_part(part);
    std::filesystem::create_directory(temporary);
    environment["TMPDIR"] = temporary.string();
  }

  /// Archives what the accounts of one part own: of all convergers together, each account once.
  void define_part(int part) const {
    const std::string listen =
        part < kListening ? fmt::format("-- listen: archived_{}\n", part) : "";
    const auto owed = [](const char* table, const char* column) {
      return fmt::format("exists (select from {0} where account_id = account.id and {1} is null)",
                         table, column);
    };
    std::string text = archiver(fmt::format(
        "-- every: {}\n{}", kEvery[static_cast<std::size_t>(part) % kEvery.size()], listen));
    const std::string all = "archived_at is not null";
    text.replace(text.find(all), all.size(),
                 fmt::format("{} and id % {} = {} and ({} or {})", all, kConvergers, part,
                             owed("cluster", "archived_at"), owed("api_key", "revoked_at")));
    define(fmt::format("part_{:02}", part), text);
  }

  /// What operators do: a few accounts at a time. What they archived is forgotten after a while:
  /// what a pass has to look through stays as large as it was.
  void flag_some() {
    std::uniform_int_distribution<int> any(1, accounts);
    std::string some;
    for (int i = 0; i < 5; ++i) some += (i == 0 ? "" : ",") + std::to_string(any(generator));
    sql("with flagged as (update account set archived_at = now() "
        "  where archived_at is null and id in (" +
        some +
        ") returning id, archived_at) insert into flag select * from flagged;"
        "update account set archived_at = null where archived_at < now() - interval '1 minute' "
        "  and not exists (select from cluster where account_id = account.id "
        "                  and archived_at is null)"
        "  and not exists (select from api_key where account_id = account.id "
        "                  and revoked_at is null)");
  }

  std::string now() const { return sql("select clock_timestamp()"); }

  Quarter quarter_of(Service& daemon) {
    Quarter quarter;
    quarter.begun = now();
    const auto end = Clock::now() + seconds(minutes * 60) / kQuarters;
    while (Clock::now() < end) {
      flag_some();
      quarter.most.widen(footprint_of(daemon.pid(), temporary));
      quarter.most.sessions =
          std::max(quarter.most.sessions,
                   std::stoi(sql("select count(*) from pg_stat_activity where datname = "
                                 "current_database() and application_name = 'converge'")));
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    quarter.pages = std::stoll(
        ask_journal("select page_count * page_size from pragma_page_count, pragma_page_size"));
    quarter.entries = std::stoll(ask_journal("select max(seq) from entry"));
    quarter.woken = sql(fmt::format(
        "with took as (select extract(epoch from max(a.at) - f.at) * 1000 ms from flag f "
        "join audit a using (account_id) where f.at >= '{}' and account_id % {} < {} "
        "group by account_id, f.at) select round(percentile_cont(0.5) within group "
        "(order by ms)::numeric, 1), round(percentile_cont(0.99) within group "
        "(order by ms)::numeric, 1), count(*) from took",
        quarter.begun, kConvergers, kListening));
    return quarter;
  }

  static double median_ms(const Quarter& quarter) { return std::stod(quarter.woken); }
  static double entry_bytes(const Quarter& before, const Quarter& quarter) {
    return static_cast<double>(quarter.pages - before.pages) /
           static_cast<double>(std::max<std::int64_t>(1, quarter.entries - before.entries));
  }

  void tell(const std::vector<Quarter>& quarters) const {
    ClosingTable table(
        fmt::format("load: {} accounts, {} convergers, a day in {} minutes", accounts, kConvergers,
                    minutes),
        {"quarter", "resident MiB", "descriptors", "threads", "sessions", "temporary files",
         "woken: p50|p99 ms|flags", "journal MiB", "entries", "bytes per entry"});
    Quarter before;
    for (std::size_t i = 0; i < quarters.size(); ++i) {
      const Quarter& one = quarters[i];
      table.add({std::to_string(i + 1),
                 fmt::format("{:.1f}", static_cast<double>(one.most.resident) / kMegabyte),
                 std::to_string(one.most.descriptors), std::to_string(one.most.threads),
                 std::to_string(one.most.sessions), std::to_string(one.most.files), one.woken,
                 fmt::format("{:.1f}", static_cast<double>(one.pages) / kMegabyte),
                 std::to_string(one.entries), fmt::format("{:.0f}", entry_bytes(before, one))});
      before = one;
    }
  }

  const int accounts = scaled("ACCOUNTS", 1'000'000);
  const int minutes = scaled("MINUTES", 20);
  const std::filesystem::path temporary = directory / "tmp";
  std::mt19937 generator{std::random_device{}()};
};

BOOST_FIXTURE_TEST_SUITE(load, Load)

BOOST_AUTO_TEST_CASE(a_day_leaks_nothing_and_does_not_slow_down) {
  std::vector<Quarter> quarters;
  Service daemon(*this, kQuiet);
  BOOST_REQUIRE(daemon.is_running());
  for (int i = 0; i < kQuarters; ++i) quarters.push_back(quarter_of(daemon));
  tell(quarters);

  // By the end of the second quarter everything has happened once.
  const Quarter& early = quarters[1];
  const Quarter& late = quarters[3];
  BOOST_TEST(static_cast<double>(late.most.resident) <
             static_cast<double>(early.most.resident) + kGrowth);
  BOOST_TEST(late.most.descriptors <= early.most.descriptors + kForAMoment);
  BOOST_TEST(late.most.threads <= early.most.threads);
  BOOST_TEST(late.most.sessions <= early.most.sessions);
  BOOST_TEST(late.most.files == 0);
  // Twice: others use this machine as well.
  BOOST_TEST(median_ms(late) < 2 * median_ms(early) + 1);
  const double predicted = entry_bytes(quarters[0], early);
  BOOST_TEST(entry_bytes(quarters[2], late) < predicted * 1.25);
  BOOST_TEST(entry_bytes(quarters[2], late) > predicted * 0.75);

  BOOST_TEST(converges());
  const auto ended = daemon.stop();
  BOOST_TEST(ended.status == 0, ended.err);
  BOOST_TEST(!contains(ended.err, "level=warning"), ended.err);
  BOOST_TEST(!contains(ended.err, "level=error"), ended.err);
  const auto found = disagreement(*this);
  BOOST_TEST(found == "", found);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

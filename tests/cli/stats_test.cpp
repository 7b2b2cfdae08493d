#include "tests/cli/fixture.h"

#include <boost/algorithm/string/erase.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace {

using namespace converge::tests;

struct Stats : Cli {
  Stats() {
    define("archive", archiver(""));
    define("second", archiver("-- timeout: 9s\n"));
    add_accounts(6);
  }

  /// Moves all entries of a pass to a time, in SQL and in microseconds.
  void move_pass(int number, const std::string& time_us) const {
    tamper("update entry set time_us = " + time_us +
           " where pass = (select pass from entry where kind = 6 order by seq limit 1 offset " +
           std::to_string(number - 1) +
           ");"
           "update chain set block_min_us = (select min(time_us) from entry),"
           " block_max_us = (select max(time_us) from entry)");
  }
};

// 2026-11-22 10:00:00 UTC.
constexpr const char* kTen = "1795341600000000";

/// Columns that the text takes.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

/// A row of the table, its words one blank apart, times and durations taken away.
std::string row(const std::string& line) {
  std::string text;
  for (const char c : timeless(line)) {
    if (c != ' ' || (!text.empty() && text.back() != ' ')) text += c;
  }
  return text;
}

BOOST_FIXTURE_TEST_SUITE(stats, Stats)

BOOST_AUTO_TEST_CASE(counts_what_each_converger_did) {
  correct("archive", "id <= 2");
  correct("archive", "id = 3");
  correct("second", "id = 4");
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);  // Only looks, and is not counted.
  const auto result = call({"stats"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
  const auto all = lines(result.out);
  BOOST_REQUIRE(all.size() == 9u);
  BOOST_TEST(timeless(all[0]) == "TIME to TIME");
  BOOST_TEST(all[1] == "");
  BOOST_TEST(row(all[2]) ==
             "CONVERGER PASSES CORRECTED CHANGES FAILURES SLOWEST PASS LAST CORRECTION");
  BOOST_TEST(row(all[3]).starts_with("archive 2 3 9 0 "));
  BOOST_TEST(all[3].ends_with(ask_journal(
      "select substr(max(time), 1, 19) from inconsistency where converger = 'archive'")));
  BOOST_TEST(row(all[4]).starts_with("second 1 1 3 0 "));
  BOOST_TEST(all[5] == "");
  BOOST_TEST(all[6].starts_with("corrected over time, "));
  BOOST_TEST(all[7].starts_with("archive "));
  BOOST_TEST(all[8].starts_with("second "));
}

BOOST_AUTO_TEST_CASE(json_gives_an_object_a_converger_with_the_documented_members) {
  correct("archive", "id <= 2");
  correct("second", "id = 4");
  const auto result = call({"stats", "-o", "json", "--since", "-1h"});
  BOOST_TEST(result.err == "");
  const auto all = lines(result.out);
  BOOST_REQUIRE(all.size() == 2u);
  const auto& archive = all[0];
  BOOST_TEST(member(archive, "converger") == "archive");
  BOOST_TEST(member(archive, "passes") == "1");
  BOOST_TEST(member(archive, "inconsistencies") == "2");
  BOOST_TEST(member(archive, "changes") == "6");
  BOOST_TEST(member(archive, "failures") == "0");
  BOOST_TEST(member(archive, "rolled_back") == "0");
  BOOST_TEST(member(archive, "unknown") == "0");
  BOOST_TEST(member(archive, "pending") == "0");
  BOOST_TEST(member(archive, "slowest_pass") == "1");
  BOOST_TEST(member(archive, "slowest_ms") ==
             ask_journal("select detail ->> '$.duration_ms' from entry where kind = 6 limit 1"));
  BOOST_TEST(member(archive, "last_correction").ends_with("Z"));
  BOOST_TEST(member(archive, "bucket_ms") == "1000");
  BOOST_TEST(member(all[1], "converger") == "second");
  // What it prints it also takes: the window, cut there, holds the same.
  const auto again = call({"stats", "-o", "json", "--since", member(archive, "since"), "--until",
                           member(archive, "until")});
  BOOST_TEST(again.out == result.out);
}

BOOST_AUTO_TEST_CASE(buckets_add_up_to_the_whole) {
  for (int id = 1; id <= 3; ++id) correct("archive", "id = " + std::to_string(id));
  move_pass(1, kTen);
  move_pass(2, std::string(kTen) + " + 1000000");
  move_pass(3, std::string(kTen) + " + 60000000");
  const auto json =
      call({"stats", "--since", "2026-11-22 10:00", "--until", "2026-11-22 10:01:00", "-o", "json"})
          .out;
  BOOST_TEST(member(json, "inconsistencies") == "3");
  BOOST_TEST(member(json, "bucket_ms") == "2000");
  BOOST_TEST(member(json, "buckets")
                 .starts_with(R"([{"time":"2026-11-22T10:00:00.000000Z","passes":2,)"
                              R"("inconsistencies":2,"changes":6,"failures":0},)"
                              R"({"time":"2026-11-22T10:00:02.000000Z","passes":0,)"));
  BOOST_TEST(member(json, "buckets")
                 .ends_with(R"({"time":"2026-11-22T10:01:00.000000Z","passes":1,)"
                            R"("inconsistencies":1,"changes":3,"failures":0}])"));
}

BOOST_AUTO_TEST_CASE(window_is_what_since_and_until_say) {
  correct("archive", "id = 1");
  correct("archive", "id = 2");
  move_pass(1, "(unixepoch() - 10 * 86400) * 1000000");
  const auto passes = [&](const Words& window) {
    Words words = {"stats", "-o", "json", "--converger", "archive"};
    words.insert(words.end(), window.begin(), window.end());
    return member(call(words).out, "passes");
  };
  BOOST_TEST(passes({}) == "1");
  BOOST_TEST(passes({"--since", "-30d"}) == "2");
  BOOST_TEST(passes({"--since", "-30d", "--until", "1 day ago"}) == "1");
  BOOST_TEST(passes({"--since", "tomorrow", "--until", "+2w"}) == "0");
  move_pass(1, std::string(kTen) + " + 999999");
  BOOST_TEST(passes({"--since", "2026-11-22 10:00:00", "--until", "2026-11-22 10:00:00"}) == "1");
  BOOST_TEST(passes({"--since", "2026-11-22 10:00:01", "--until", "2026-11-22 10:00:05"}) == "0");
}

BOOST_AUTO_TEST_CASE(histogram_is_drawn_in_blocks_or_in_ascii) {
  correct("archive", "id <= 4");
  correct("archive", "id = 5");
  correct("archive", "id = 6");
  move_pass(1, kTen);
  move_pass(2, std::string(kTen) + " + 2000000");
  move_pass(3, std::string(kTen) + " + 3000000");
  const Words words = {"stats", "--since", "2026-11-22 10:00", "--until", "2026-11-22 10:00:03"};
  const auto drawn = [&](const Environment& locale) {
    environment["LC_ALL"] = environment["LC_CTYPE"] = environment["LANG"] = std::nullopt;
    for (const auto& [name, value] : locale) environment[name] = value;
    return lines(call(words).out).back();
  };
  const std::string blocks = "archive  █ ▂▂  peak 4";
  const std::string ascii = "archive  @ ::  peak 4";
  BOOST_TEST(drawn({{"LC_ALL", "C.UTF-8"}}) == blocks);
  BOOST_TEST(drawn({{"LANG", "C.UTF-8"}}) == blocks);
  BOOST_TEST(drawn({{"LC_CTYPE", "C.UTF-8"}, {"LANG", "C"}}) == blocks);
  BOOST_TEST(drawn({}) == ascii);
  BOOST_TEST(drawn({{"LC_ALL", "C"}, {"LANG", "C.UTF-8"}}) == ascii);
  BOOST_TEST(drawn({{"LC_CTYPE", "POSIX"}, {"LANG", "C.UTF-8"}}) == ascii);
  BOOST_TEST(drawn({{"LC_ALL", "xx_XX.UTF-8"}}) == ascii);  // Not installed.
}

BOOST_AUTO_TEST_CASE(what_was_rolled_back_is_not_corrected) {
  archive_accounts("id = 1");
  die_at("pass.after_append", {"run", "archive"});
  BOOST_TEST(contains(call({"stats"}).out, "not counted\narchive: 1 pending\n"));
  BOOST_TEST(call({"run", "archive", "--wait", "20s"}).status == 0);
  const auto result = call({"stats"});
  BOOST_TEST(contains(result.out, "not counted\narchive: 1 rolled back\n"));
  BOOST_TEST(row(lines(result.out).at(3)).starts_with("archive 1 1 3 0 "));
}

BOOST_AUTO_TEST_CASE(failures_are_counted_and_drawn) {
  sql("create function refuse() returns trigger language plpgsql as $$ begin "
      "raise exception 'no'; end $$; create trigger refuse before update on cluster "
      "for each row when (new.account_id = 2) execute function refuse()");
  archive_accounts("id <= 2");
  BOOST_TEST(call({"run", "archive"}).status == 1);
  const auto all = lines(call({"stats"}).out);
  BOOST_REQUIRE(all.size() > 5u);
  BOOST_TEST(row(all[3]).starts_with("archive 1 1 3 1 "));
  BOOST_TEST(row(all.back()).starts_with("failures "));
  BOOST_TEST(contains(all.back(), "█  peak 1"));
}

BOOST_AUTO_TEST_CASE(no_line_is_wider_than_a_hundred_columns_or_a_terminal_of_eighty) {
  correct("archive", "id = 1");
  correct("second", "id = 2");
  tamper(
      "update definition set name = 'archive_everything_that_an_account_of_a_customer_who_left_"
      "still_owns' where name = 'archive';"
      "update entry set count = 987654321012 where kind = 2 and seq < 4;"
      "update entry set count = 9999999 where kind = 2 and seq > 4;"
      "update entry set detail = json_set(detail, '$.duration_ms', 359999999) where kind = 6");
  move_pass(1, kTen);
  move_pass(2, std::string(kTen) + " + 3600000000");
  for (const char* locale : {"C.UTF-8", "C"}) {
    environment["LC_ALL"] = locale;
    const auto result =
        call({"stats", "--since", "2026-11-22 10:00", "--until", "2026-11-22 11:00"});
    BOOST_TEST(lines(result.out).size() == 9u);
    for (const auto& line : lines(result.out)) BOOST_TEST(width(line) <= 100u, line);
    BOOST_TEST(contains(result.out, "987.7G"));
    BOOST_TEST(contains(result.out, "9,999,999"));
    BOOST_TEST(contains(result.out, "still_owns"));
    const auto shown = run_command({"script", "-qec",
                                    "stty cols 80; " + binary +
                                        " stats --color never --since '2026-11-22 10:00' "
                                        "--until '2026-11-22 11:00'",
                                    "/dev/null"},
                                   {.environment = environment})
                           .out;
    const auto narrow = lines(boost::erase_all_copy(shown, "\r"));
    BOOST_TEST(narrow.size() == 9u, shown);
    for (const auto& line : narrow) BOOST_TEST(width(line) <= 80u, line);
    BOOST_TEST(contains(shown, "LAST CORRECTION"));
    BOOST_TEST(!contains(shown, "SLOWEST"));
  }
}

BOOST_AUTO_TEST_CASE(bad_input_is_one_clear_error) {
  correct("archive", "id = 1");
  const auto refused = [&](const Words& arguments, const std::string& error,
                           const std::string& hint) {
    Words words = {"stats"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const auto result = call(words);
    BOOST_TEST(result.status == 2);
    BOOST_TEST(result.out == "");
    BOOST_TEST(contains(result.err, "converge: error: " + error));
    BOOST_TEST(contains(result.err, "converge: hint: " + hint));
    BOOST_TEST(lines(result.err).size() == 2u);
  };
  refused({"--since", "noonish"}, "--since: \"noonish\" is not a time\n", "Write it as ");
  refused({"--until", ""}, "--until: \"\" is not a time\n", "Write it as ");
  refused({"--since", "today", "--until", "yesterday"},
          "--since today is after --until yesterday\n", "Name the earlier time with --since.");
  refused({"--converger", "archiv"}, "the journal knows no converger archiv\n",
          "Did you mean archive?");
  environment["CONVERGE_JOURNAL"] = (directory / "none.db").string();
  refused({}, "no journal at ", "");
}

BOOST_AUTO_TEST_CASE(empty_window_is_said_on_standard_error) {
  correct("archive", "id = 1");
  const Words words = {"stats", "--since", "2001-01-01", "--until", "2001-01-02"};
  const auto result = call(words);
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.out == "");
  BOOST_TEST(contains(result.err, "converge: no pass did anything from "));
  auto named = words;
  named.insert(named.end(), {"--converger", "archive"});
  BOOST_TEST(row(lines(call(named).out).at(3)) == "archive 0 0 0 0 - - -");
}

BOOST_AUTO_TEST_CASE(help_says_what_a_pass_is) {
  BOOST_TEST(contains(call({"stats", "--help"}).out, "A pass that only looked leaves no entry"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

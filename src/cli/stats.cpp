#include "journal/reader.h"
#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/base/time_expression.h"
#include "src/cli/command.h"
#include "src/cli/detail_text.h"
#include "src/cli/histogram.h"
#include "src/cli/journal_upkeep.h"
#include "src/cli/output.h"
#include "src/cli/progress.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>

namespace converge::cli {

namespace {

using journal::ConvergerStatistics;
using journal::Counts;
using journal::Statistics;

constexpr std::size_t kWide = 100;  ///< Columns of a line, where there is room.
constexpr std::size_t kNarrow = 80;
constexpr std::size_t kGap = 2;    ///< Columns between columns of the table.
constexpr std::size_t kPeak = 14;  ///< `peak 9,999,999`
constexpr std::size_t kNameBesideBars = 22;

std::size_t line_columns() { return std::clamp(terminal_columns(), kNarrow, kWide); }
bool is_wide() { return line_columns() == kWide; }

struct Options {
  std::string since = "-7d";
  std::string until = "now";
  std::vector<std::string> convergers;
};

/// `1,204`, and `12.3M` where that would be wide.
std::string short_number(std::int64_t number) {
  constexpr std::int64_t kMillion = 1'000'000;
  if (number < 10 * kMillion) {
    std::string text = counted(number, "");
    text.pop_back();
    return number == 1 ? text : text.substr(0, text.find(' '));
  }
  if (number < 10'000 * kMillion) return fmt::format("{:.1f}M", static_cast<double>(number) / 1e6);
  return fmt::format("{:.1f}G", static_cast<double>(number) / 1e9);
}

/// `120ms`, `4.2s`, `2m3s`.
std::string short_duration(std::int64_t ms) {
  if (ms < 1000) return fmt::format("{}ms", ms);
  if (ms < 60'000) return fmt::format("{:.1f}s", static_cast<double>(ms) / 1000);
  return format_duration(std::chrono::seconds(ms / 1000));
}

std::string bucket_text(const Statistics& statistics) {
  return format_duration(std::chrono::milliseconds(statistics.bucket_us / 1000));
}

/// Above the numbers of a converger. Which pass was the slowest is left out where it is narrow.
std::vector<Table::Cell> heads() {
  std::vector<Table::Cell> row;
  for (const char* head : {"PASSES", "CORRECTED", "CHANGES", "FAILURES"}) {
    row.push_back({head, Style::faint});
  }
  if (is_wide()) {
    row.push_back({"SLOWEST", Style::faint});
    row.push_back({"PASS", Style::faint});
  }
  row.push_back({"LAST CORRECTION", Style::faint});
  return row;
}

/// In the order of `heads`.
std::vector<Table::Cell> numbers_of(const ConvergerStatistics& one) {
  const Style failures = one.counts.failures > 0 ? Style::bad : Style::plain;
  std::vector<Table::Cell> row = {{short_number(one.counts.passes)},
                                  {short_number(one.counts.inconsistencies)},
                                  {short_number(one.counts.changes)},
                                  {short_number(one.counts.failures), failures}};
  if (is_wide()) {
    row.push_back({one.slowest_pass ? short_duration(one.slowest_ms) : "-"});
    row.push_back({one.slowest_pass ? fmt::format("{}", *one.slowest_pass) : "-"});
  }
  row.push_back({one.last_correction_us ? format_local(*one.last_correction_us) : "-"});
  return row;
}

void align_right(std::vector<std::vector<Table::Cell>>& rows) {
  for (std::size_t column = 0; column < rows.front().size(); ++column) {
    std::size_t widest = 0;
    for (const auto& row : rows) widest = std::max(widest, row[column].text.size());
    for (auto& row : rows) row[column].text.insert(0, widest - row[column].text.size(), ' ');
  }
}

std::string table_of(const Statistics& statistics, bool unicode) {
  std::vector<std::vector<Table::Cell>> rows = {heads()};
  for (const auto& one : statistics.convergers) rows.push_back(numbers_of(one));
  align_right(rows);
  std::size_t taken = 0;
  for (const auto& cell : rows.front()) taken += cell.text.size() + kGap;
  Table table;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& row = rows[i];
    Table::Cell name{"CONVERGER", Style::faint};
    if (i > 0) {
      name = {shortened_name(printable(statistics.convergers[i - 1].converger),
                             line_columns() - taken, unicode),
              Style::strong};
    }
    row.insert(row.begin(), std::move(name));
    table.add(std::move(row));
  }
  return table.take();
}

std::vector<std::int64_t> column_of(const ConvergerStatistics& one, std::int64_t Counts::*member) {
  std::vector<std::int64_t> values;
  for (const auto& bucket : one.buckets) values.push_back(bucket.*member);
  return values;
}

/// The bars of one count, or nothing where it is 0 throughout.
void add_bars(Table& table, const Table::Cell& name, const std::vector<std::int64_t>& values,
              Style style, bool unicode) {
  const auto most = *std::max_element(values.begin(), values.end());
  if (most == 0) return;
  table.add({name,
             {bars(values, most, unicode), style},
             {fmt::format("peak {}", short_number(most)), Style::faint}});
}

std::string histogram_of(const Statistics& statistics, bool unicode) {
  Table table;
  for (const auto& one : statistics.convergers) {
    const auto columns = line_columns() - one.buckets.size() - kPeak - 2 * kGap;
    const auto name = shortened_name(printable(one.converger), columns, unicode);
    add_bars(table, {name, Style::strong}, column_of(one, &Counts::inconsistencies), Style::good,
             unicode);
    add_bars(table, {shortened_name("  failures", columns, unicode), Style::faint},
             column_of(one, &Counts::failures), Style::bad, unicode);
  }
  return table.take();
}

/// What the counts leave out.
std::string uncounted(const ConvergerStatistics& one) {
  std::string text;
  const auto note = [&](std::int64_t number, std::string_view what) {
    if (number > 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", short_number(number), what);
  };
  note(one.rolled_back, "rolled back");
  note(one.unknown, "of unknown outcome");
  note(one.pending, "pending");
  return text;
}

/// What was tried outside the database.
std::string attempts_of(const Statistics& statistics) {
  std::string text;
  for (const auto& one : statistics.convergers) {
    if (one.attempts == 0) continue;
    text += fmt::format("{}: {}", printable(one.converger), counted(one.attempts, "attempt"));
    if (one.attempts_failed > 0) text += fmt::format(", {} failed", one.attempts_failed);
    if (one.attempts_unknown > 0)
      text += fmt::format(", {} of unknown outcome", one.attempts_unknown);
    text += "\n";
  }
  return text.empty() ? text : "\n" + styled(Style::faint, "outside the database") + "\n" + text;
}

void print_text(const Statistics& statistics) {
  const bool unicode = locale_is_utf8();
  if (statistics.convergers.empty()) return;
  std::string text = styled(Style::faint, fmt::format("{} to {}", format_local(statistics.first_us),
                                                      format_local(statistics.last_us))) +
                     "\n\n" + table_of(statistics, unicode);
  if (const auto histogram = histogram_of(statistics, unicode); !histogram.empty()) {
    text += "\n" +
            styled(Style::faint,
                   fmt::format("corrected over time, {} a column", bucket_text(statistics))) +
            "\n" + histogram;
  }
  std::string notes;
  for (const auto& one : statistics.convergers) {
    if (const auto note = uncounted(one); !note.empty()) {
      notes += fmt::format("{}: {}\n", printable(one.converger), note);
    }
  }
  if (!notes.empty()) text += "\n" + styled(Style::warning, "not counted") + "\n" + notes;
  text += attempts_of(statistics);
  print(text);
}

void add_counts(JsonObject& object, const Counts& counts) {
  object.add("passes", counts.passes)
      .add("inconsistencies", counts.inconsistencies)
      .add("changes", counts.changes)
      .add("failures", counts.failures);
}

std::string json_of(const Statistics& statistics, const ConvergerStatistics& one) {
  JsonObject object;
  object.add("converger", one.converger)
      .add("since", format_utc(statistics.first_us))
      .add("until", format_utc(statistics.last_us));
  add_counts(object, one.counts);
  object.add("rolled_back", one.rolled_back)
      .add("unknown", one.unknown)
      .add("pending", one.pending)
      .add("attempts", one.attempts)
      .add("attempts_failed", one.attempts_failed)
      .add("attempts_unknown", one.attempts_unknown)
      .add("slowest_pass", one.slowest_pass);
  if (one.slowest_pass) object.add("slowest_ms", one.slowest_ms);
  if (one.last_correction_us) object.add("last_correction", format_utc(*one.last_correction_us));
  object.add("bucket_ms", statistics.bucket_us / 1000);
  std::string buckets;
  auto time_us = statistics.first_us;
  for (const auto& bucket : one.buckets) {
    JsonObject counts;
    counts.add("time", format_utc(time_us));
    add_counts(counts, bucket);
    buckets += (buckets.empty() ? "" : ",") + std::string(trim(counts.line()));
    time_us += statistics.bucket_us;
  }
  return object.add_raw("buckets", "[" + buckets + "]").line();
}

int show(const Options& options, const Common& common) {
  const auto now_us = wall_time_us();
  const auto since = time_given("--since", options.since, now_us);
  const auto until = time_given("--until", options.until, now_us);
  if (since.first_us > until.last_us) {
    throw Error(ErrorKind::usage,
                fmt::format("--since {} is after --until {}", printable(options.since),
                            printable(options.until)),
                "Name the earlier time with --since.");
  }
  const config::Config config = config::load(common.flags);
  journal::Reader reader(config.journal);
  tell_what_was_pruned(config.journal);
  Progress progress("reading");
  journal::StatisticsQuery query{
      .first_us = since.first_us, .last_us = until.last_us, .convergers = options.convergers};
  if (!common.json()) {
    query.most_buckets =
        static_cast<std::int64_t>(line_columns() - kNameBesideBars - kPeak - 2 * kGap);
  }
  const auto statistics =
      reader.statistics(query, [&](auto done, auto total) { progress.show(done, total); });
  progress.clear();
  if (common.json()) {
    for (const auto& one : statistics.convergers) print(json_of(statistics, one));
  } else {
    print_text(statistics);
  }
  if (statistics.convergers.empty() && !common.quiet) {
    print_notice(fmt::format("no pass did anything from {} to {}",
                             format_local(statistics.first_us), format_local(statistics.last_us)));
  }
  return kDone;
}

}  // namespace

std::function<int()> define_stats(CLI::App& app, const Common& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("--since", options->since,
                 "from then on (default -7d): `2026-11-22 10:00`, yesterday, -2h, RFC 3339")
      ->type_name("TIME");
  app.add_option("--until", options->until, "up to and including then (default now)")
      ->type_name("TIME");
  app.add_option("--converger", options->convergers, "only this converger; repeatable")
      ->type_name("NAME");
  return [options, &common] { return show(*options, common); };
}

}  // namespace converge::cli

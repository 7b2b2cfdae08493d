#include "src/cli/entry_filter.h"

#include "convergers/registry.h"
#include "journal/convergers.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/base/time_expression.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace converge::cli {

namespace {

constexpr std::string_view kStep = "step";

/// All names of an enumeration whose numbers begin with 1.
template <typename Enum>
std::vector<std::string> names_up_to(Enum last) {
  std::vector<std::string> names;
  for (std::int64_t number = 1; number <= static_cast<std::int64_t>(last); ++number) {
    names.emplace_back(name_of(static_cast<Enum>(number)));
  }
  return names;
}

Error unknown(std::string_view option, const std::string& value,
              const std::vector<std::string>& known) {
  const auto near = nearest(value, known);
  return {ErrorKind::usage, fmt::format("{}: there is no {}", option, printable(value)),
          near ? fmt::format("Did you mean {}?", *near)
               : fmt::format("It takes {}.", fmt::join(known, ", "))};
}

std::vector<journal::Kind> kinds_of(const std::vector<std::string>& names) {
  std::vector<journal::Kind> kinds;
  for (const std::string& name : names) {
    const auto kind = name == kStep ? journal::Kind::inconsistency : journal::kind_named(name);
    if (!kind) throw unknown("--kind", name, kind_names());
    if (std::find(kinds.begin(), kinds.end(), *kind) == kinds.end()) kinds.push_back(*kind);
  }
  return kinds;
}

std::vector<journal::Outcome> outcomes_of(const std::vector<std::string>& names) {
  std::vector<journal::Outcome> outcomes;
  for (const std::string& name : names) {
    const auto outcome = journal::outcome_named(name);
    if (!outcome) throw unknown("--outcome", name, outcome_names());
    outcomes.push_back(*outcome);
  }
  return outcomes;
}

std::int64_t lines_of(const std::string& text) {
  std::int64_t lines = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), lines);
  if (text == "all") return INT64_MAX;
  if (error != std::errc() || end != text.data() + text.size() || lines < 0) {
    throw Error(ErrorKind::usage, fmt::format("--lines: {} is not a number", printable(text)),
                "Write a number of entries, or `all`.");
  }
  return lines;
}

}  // namespace

std::vector<std::string> kind_names() {
  auto names = names_up_to(journal::Kind::clock);
  names.emplace_back(kStep);
  return names;
}

std::vector<std::string> outcome_names() { return names_up_to(journal::Outcome::unknown); }

bool FilterRequest::steps() const {
  return std::find(kinds.begin(), kinds.end(), kStep) != kinds.end();
}

void add_filter_options(CLI::App& app, FilterRequest& request) {
  app.add_option("-n,--lines", request.lines,
                 "the newest so many, or `all` (default 20; all between --since and --until, and "
                 "of a --pass)")
      ->type_name("N");
  app.add_option("--since", request.since,
                 "from then on: 2026-11-22 10:00, -2h, yesterday, today, RFC 3339")
      ->type_name("TIME");
  app.add_option("--until", request.until, "up to then")->type_name("TIME");
  app.add_option("--converger", request.convergers, "of this converger; a glob pattern; repeatable")
      ->type_name("NAME");
  app.add_option("--subject", request.subject, "of the subject with this key")->type_name("KEY");
  app.add_option("--kind", request.kinds,
                 "inconsistency, step, failure, pass, hold, release, txn, outcome, ...; repeatable")
      ->type_name("KIND");
  app.add_option("--outcome", request.outcomes,
                 "pending, committed, rolled_back, failed or unknown; repeatable")
      ->type_name("OUTCOME");
  app.add_option("--pass", request.pass, "of the pass with this id")->type_name("ID");
  app.add_option("--actor", request.actor, "caused by this login name, `cron` or `daemon`")
      ->type_name("NAME");
  app.add_option("--grep", request.grep,
                 "with this text in the subject, the label or the detail; in lower case, any case")
      ->type_name("TEXT");
}

journal::Filter filter_of(const FilterRequest& request) {
  journal::Filter filter{.convergers = request.convergers,
                         .subject = request.subject,
                         .kinds = kinds_of(request.kinds),
                         .outcomes = outcomes_of(request.outcomes),
                         .pass = request.pass,
                         .actor = request.actor,
                         .grep = request.grep};
  const std::int64_t now_us = wall_time_us();
  if (request.since) filter.since_us = time_given("--since", *request.since, now_us).first_us;
  if (request.until) filter.until_us = time_given("--until", *request.until, now_us).last_us;
  if (filter.since_us && filter.until_us && *filter.since_us > *filter.until_us) {
    throw Error(ErrorKind::usage,
                fmt::format("--since {} is after --until {}", format_local(*filter.since_us),
                            format_local(*filter.until_us)),
                "Nothing can lie between them; swap them.");
  }
  const bool bounded = request.since || request.until || request.pass;
  if (request.lines) {
    filter.newest = lines_of(*request.lines);
  } else if (bounded) {
    filter.newest = INT64_MAX;
  }
  return filter;
}

void require_known_convergers(const std::vector<std::string>& wanted,
                              std::vector<std::string> known, const config::Config& config) {
  try {
    journal::require_known_convergers(wanted, known);
  } catch (const Error&) {
    try {
      const auto defined = convergers::load_registry(config).names();
      known.insert(known.end(), defined.begin(), defined.end());
      std::sort(known.begin(), known.end());
      known.erase(std::unique(known.begin(), known.end()), known.end());
    } catch (const Error&) {
      // An auditor's machine has no definitions.
    }
    journal::require_known_convergers(wanted, known);
  }
}

}  // namespace converge::cli

#include "src/cli/quarantine_text.h"

#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/cli/detail_text.h"
#include "src/cli/output.h"
#include "src/cli/summary.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace converge::cli {

namespace {

/// Bytes of a message that a line shows; JSON has it all.
constexpr std::size_t kMessageBytes = 300;

std::vector<journal::Quarantined> subjects_of(const journal::State& state,
                                              const std::string& name) {
  std::vector<journal::Quarantined> subjects;
  std::copy_if(state.quarantined.begin(), state.quarantined.end(), std::back_inserter(subjects),
               [&](const auto& subject) { return subject.converger == name; });
  return subjects;
}

std::vector<Table::Cell> row(const journal::Quarantined& subject) {
  return {{"  " + name_subject(subject.subject, subject.label.value_or("")), Style::strong},
          {subject.next_us == 0 ? "in the next pass" : "next " + format_local(subject.next_us)},
          {subject.fight ? "fight" : "failed " + counted(subject.failures, "time")},
          {brief(subject.message, kMessageBytes)}};
}

}  // namespace

std::string quarantine_text(const journal::State& state, const std::string& name,
                            std::size_t at_most) {
  const auto subjects = subjects_of(state, name);
  Table table;
  for (std::size_t index = 0; index < std::min(subjects.size(), at_most); ++index) {
    table.add(row(subjects[index]));
  }
  std::string text = table.take();
  if (subjects.size() > at_most) {
    text +=
        fmt::format("  ... and {}\n",
                    counted(static_cast<std::int64_t>(subjects.size() - at_most), "more", "more"));
  }
  return text;
}

std::string quarantine_json(const journal::State& state, const std::string& name) {
  std::string array;
  for (const auto& subject : subjects_of(state, name)) {
    JsonObject entry;
    entry.add("subject", subject.subject)
        .add("label", subject.label)
        .add("failures", subject.failures)
        .add("since", format_utc(subject.since_us))
        .add("next", format_utc(subject.next_us))
        .add("message", subject.message)
        .add("sqlstate", subject.sqlstate)
        .add("fight", subject.fight);
    std::string object = entry.line();
    object.pop_back();
    array += (array.empty() ? "" : ",") + object;
  }
  return "[" + array + "]";
}

}  // namespace converge::cli

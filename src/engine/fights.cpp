#include "src/engine/fights.h"

#include "src/base/clock.h"
#include "src/base/shell.h"
#include "src/base/text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace converge::engine {

namespace {

/// Corrections in a row that make a fight.
constexpr int kFight = 10;
/// As many within this time do, where passes are no row.
constexpr std::chrono::minutes kFightTime{10};

void tell(PassState& state, const journal::Inconsistency& record) {
  const Profile& profile = state.converger().profile();
  const auto others = state.context().journal->corrected_beside(profile.name, record.subject,
                                                                record.label.value_or(""), kFight);
  const std::string other_side =
      others.empty() ? "something outside this journal undoes it"
                     : fmt::format("corrected as well by {}", fmt::join(others, ", "));
  const Error error(
      ErrorKind::failure,
      fmt::format("a fight: corrected again and again ({}); {}", fmt::join(profile.steps, ", "),
                  other_side),
      fmt::format("Let one side leave it alone{}; then `converge retry {} {}` tries it at once.",
                  others.empty() ? ", or mend the step if it changes what is right already" : "",
                  profile.name, shell_word(record.subject)));
  state.failed({.converger = profile.name,
                .subject = record.subject,
                .label = record.label,
                .message = error.what(),
                .fight = true},
               error, R"({"fight":true,"message":)" + json_string(error.what()) + "}");
}

/// Whether what a pass corrects is to be compared with the clock, and not with the passes before.
bool is_no_series(const PassState& state) {
  return state.is_woken_for_some() || state.context().shard.has_value();
}

}  // namespace

void suspect_fights(PassState& state) {
  const std::string& name = state.converger().profile().name;
  journal::Journal& journal = *state.context().journal;
  if (journal.streak(name) < kFight - 1) return;
  state.suspect_fights(journal.in_a_row(name, kFight - 1));
}

void tell_fights(PassState& state) {
  const std::string& name = state.converger().profile().name;
  const auto told = state.fought();
  for (const journal::Inconsistency& record : told) tell(state, record);
  if (!is_no_series(state)) return;
  const std::int64_t since_us = wall_time_us() - std::chrono::microseconds(kFightTime).count();
  for (const journal::Inconsistency& record : state.few_corrected()) {
    const bool is_told = std::any_of(
        told.begin(), told.end(), [&](const auto& one) { return one.subject == record.subject; });
    if (is_told) continue;
    const auto times =
        state.context().journal->count_corrections(name, record.subject, since_us, kFight);
    if (times >= kFight) tell(state, record);
  }
}

}  // namespace converge::engine

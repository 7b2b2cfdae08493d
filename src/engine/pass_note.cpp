#include "src/engine/pass_note.h"

#include "src/base/clock.h"
#include "src/base/text.h"

#include <fmt/core.h>

#include <optional>
#include <string>

namespace converge::engine {

void note_pass(PassState& state, PassResult& result) {
  PassContext& context = state.context();
  const std::int64_t now = wall_time_us();
  // First, so that it rides on the entry. One that was interrupted, or looked for nothing, says
  // nothing of its converger.
  if (result.outcome != PassOutcome::interrupted && !context.only_owed) {
    const Profile& profile = state.converger().profile();
    context.journal->note_pass(
        {.converger = profile.name,
         .shard =
             context.shard ? fmt::format("{}/{}", *context.shard, profile.settings.shards) : "",
         .time_us = now,
         .outcome = std::string(name_of(result.outcome)),
         .correction_us = result.inconsistencies > 0 && !result.hold ? now : 0,
         .message = result.error ? state.message(*result.error) : "",
         .complete = result.complete});
  }
  // A hold that stood already was told when it was put.
  const bool told_before = result.hold && result.pass == 0 && !result.error;
  if ((result.outcome != PassOutcome::unchanged || result.pass != 0) && !told_before) {
    std::string detail = fmt::format(
        R"({{"outcome":"{}","trigger":"{}","examined":{},"changes":{},"failed":{},"duration_ms":{})",
        name_of(result.outcome), context.trigger, result.examined, result.changes, result.failed,
        result.duration.count());
    if (result.error) detail += R"(,"message":)" + json_string(state.message(*result.error));
    if (result.error && !result.error->sqlstate().empty()) {
      detail += R"(,"sqlstate":)" + json_string(result.error->sqlstate());
    }
    if (state.is_narrowed()) detail += R"(,"narrowed":true)";
    const bool failed = result.outcome == PassOutcome::failed;
    context.journal->append(
        state.pass(), {.kind = journal::Kind::pass,
                       .definition = state.definition(),
                       .count = result.inconsistencies,
                       .outcome = failed ? std::optional(journal::Outcome::failed) : std::nullopt,
                       .detail = detail + "}"});
    result.pass = state.pass().id;
  }
}

std::string_view name_of(PassOutcome outcome) {
  switch (outcome) {
    case PassOutcome::unchanged:
      return "unchanged";
    case PassOutcome::converged:
      return "converged";
    case PassOutcome::planned:
      return "planned";
    case PassOutcome::failed:
      return "failed";
    case PassOutcome::held:
      return "held";
    case PassOutcome::skipped:
      return "skipped";
    case PassOutcome::interrupted:
      return "interrupted";
  }
  return "";
}

}  // namespace converge::engine

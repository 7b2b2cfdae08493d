#include "src/cli/pass_printer.h"

#include "src/base/text.h"
#include "src/cli/output.h"
#include "src/cli/summary.h"
#include "src/engine/condition.h"

#include <fmt/core.h>

namespace converge::cli {

namespace {

/// Subjects and failures that are printed one by one; more are counted.
constexpr std::int64_t kShown = 20;

}  // namespace

void PassPrinter::failed(const std::string& subject, const std::string& label, const Error& error) {
  if (++failures_ > kShown && !common_.verbose) return;
  progress_.clear();
  std::string message = fmt::format("{}: subject {}: {}", name_, name_subject(subject, label),
                                    printable(error.what()));
  if (!error.sqlstate().empty()) message += fmt::format(" (SQLSTATE {})", error.sqlstate());
  print_error(Error(error.kind(), message, error.hint()));
}

/// A plan tells each subject; what a run did is in the journal.
void PassPrinter::corrected(const journal::Inconsistency& record) {
  if (!request_.plan) return;
  if (common_.json()) {
    print(JsonObject()
              .add("kind", "inconsistency")
              .add("converger", name_)
              .add("subject", record.subject)
              .add("label", record.label)
              .add("count", record.count)
              .add_members(record.detail)
              .line());
    return;
  }
  if (++corrections_ > kShown && !common_.verbose) return;
  progress_.clear();
  print(fmt::format("{}  {}: {}\n", styled(Style::strong, name_),
                    name_subject(record.subject, record.label.value_or("")),
                    summarize_steps(record.detail)));
}

void PassPrinter::owed(const journal::Owed& owed, const std::function<std::string()>& describe) {
  if (++owed_ > kShown && !common_.verbose && !common_.json()) return;
  const std::string detail = describe();
  if (common_.json()) {
    print(JsonObject()
              .add("kind", "owed")
              .add("converger", name_)
              .add("subject", owed.subject)
              .add("label", owed.label)
              .add_members(detail)
              .line());
    return;
  }
  print(fmt::format("{}  first, as owed to {}: {}\n", styled(Style::strong, name_),
                    name_subject(owed.subject, owed.label.value_or("")), summarize_steps(detail)));
}

void PassPrinter::end_of_owed() const {
  if (owed_ <= kShown || common_.verbose || common_.json()) return;
  print(fmt::format("{}  ... and as owed to {} more; -v shows them\n", styled(Style::strong, name_),
                    counted(owed_ - kShown, "subject")));
}

std::string PassPrinter::held_text(const journal::Hold& hold) {
  return fmt::format("{} to correct, {} allowed; nothing was changed",
                     counted(hold.inconsistencies, "inconsistency", "inconsistencies"),
                     hold.allowed);
}

std::string PassPrinter::sentence(const engine::PassResult& result) const {
  const std::string subjects = counted(result.examined, "subject");
  const std::string changes = counted(result.changes, "change");
  // Where none was looked for, they were owed a step outside the database.
  const std::string corrected =
      result.examined == 0 && result.inconsistencies > 0
          ? fmt::format("what was owed to {} is done, {}",
                        counted(result.inconsistencies, "subject"), changes)
          : fmt::format("{} of {} corrected, {}", result.inconsistencies, subjects, changes);
  std::string text;
  switch (result.outcome) {
    case engine::PassOutcome::unchanged:
      text =
          request_.subject && result.examined == 0
              ? fmt::format("nothing to do: find does not return {}", printable(*request_.subject))
              : fmt::format("nothing to do, {} examined", subjects);
      break;
    case engine::PassOutcome::converged:
      text = styled(Style::good, "converged") + ": " + corrected;
      break;
    case engine::PassOutcome::planned:
      text = styled(Style::warning, "would correct") +
             fmt::format(" {} of {}, {}", result.inconsistencies, subjects, changes);
      break;
    case engine::PassOutcome::failed:
      text = styled(Style::bad, "failed");
      if (result.failed > 0) text += ": " + counted(result.failed, "subject") + " failed";
      if (result.hold) {
        text += fmt::format("{} {}", result.failed > 0 ? "," : ":", held_text(*result.hold));
      } else if (result.examined > 0) {
        text += (result.failed > 0 ? ", " : ": ") + corrected;
      }
      break;
    case engine::PassOutcome::interrupted:
      text = styled(Style::warning, "interrupted") + ": " + corrected;
      break;
    case engine::PassOutcome::held:
      text = styled(Style::warning, "held") + ": " + held_text(*result.hold);
      break;
    case engine::PassOutcome::skipped:
      text = result.paused ? styled(Style::warning, "skipped") + ": it is paused"
                           : "skipped: another process is at it";
      break;
  }
  return fmt::format("{}  {} ({})\n", styled(Style::strong, name_), text,
                     format_duration(result.duration));
}

void PassPrinter::print_hold(const journal::Hold& hold) const {
  if (request_.plan) {
    print_notice(fmt::format("{}: the limit would hold this pass", name_));
    return;
  }
  print_error(Error(ErrorKind::failure,
                    fmt::format("{}: the limit holds {}", name_,
                                counted(hold.inconsistencies, "inconsistency", "inconsistencies")),
                    how_to_release(hold)));
}

void PassPrinter::print_pause(const journal::Pause& pause) const {
  print_error(Error(ErrorKind::failure,
                    fmt::format("{}: {}", name_, printable(engine::pause_text(pause))),
                    fmt::format("To let it go on: `{}`.", engine::resume_command(pause))));
}

void PassPrinter::result(const engine::PassResult& result, const engine::PassContext& context) {
  progress_.clear();
  if (failures_ > kShown && !common_.verbose) {
    print_notice(fmt::format("{}: {} more failed; -v shows them, and so does the journal", name_,
                             counted(failures_ - kShown, "subject")));
  }
  if (result.error) print_error(result.error->within(name_));
  // A hold that an earlier pass was stopped by is in no entry again, and no news.
  const bool still_held = result.outcome == engine::PassOutcome::held && result.pass == 0;
  const bool quiet =
      common_.quiet && (result.outcome == engine::PassOutcome::unchanged ||
                        result.outcome == engine::PassOutcome::skipped || still_held);
  if (common_.json()) {
    JsonObject line;
    line.add("kind", "pass");
    if (result.pass != 0) {
      line.add("pass", result.pass);
    } else {
      line.add_raw("pass", "null");
    }
    line.add("converger", name_)
        .add("trigger", context.trigger)
        .add("actor", context.actor)
        .add("outcome", engine::name_of(result.outcome))
        .add("examined", result.examined)
        .add("inconsistencies", result.inconsistencies)
        .add("changes", result.changes)
        .add("failed", result.failed)
        .add("quarantined", result.quarantined)
        .add("duration_ms", result.duration.count());
    if (result.paused) {
      line.add("paused_by", result.paused->actor).add("reason", result.paused->reason);
    }
    if (result.hold) line.add("digest", result.hold->digest).add("allowed", result.hold->allowed);
    if (!quiet) print(line.line());
  } else if (!quiet) {
    if (corrections_ > kShown && !common_.verbose) {
      print(fmt::format("{}  ... and {} more; -v shows them\n", styled(Style::strong, name_),
                        counted(corrections_ - kShown, "subject")));
    }
    print(sentence(result));
  }
  if (result.hold && !quiet) print_hold(*result.hold);
  if (result.paused && !quiet) print_pause(*result.paused);
  if (result.quarantined > 0 && !quiet) {
    print_notice(fmt::format("{}: {} in quarantine, see `converge show {}`", name_,
                             counted(result.quarantined, "subject"), name_));
  }
}

}  // namespace converge::cli

#include "src/cli/story_text.h"

#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/cli/detail_text.h"
#include "src/cli/history.h"
#include "src/cli/output.h"

#include <fmt/core.h>

#include <array>

namespace converge::cli {

namespace {

using journal::Kind;
using journal::Outcome;
using Object = Poco::JSON::Object::Ptr;

/// Bytes of a key or a label that are shown.
constexpr std::size_t kKeyBytes = 60;
constexpr std::size_t kVersionDigits = 12;

std::string ordinal(std::int64_t number) {
  const auto last = number % 10;
  const bool teen = number / 10 % 10 == 1;
  const char* ending = teen ? "th" : last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th";
  return fmt::format("{}{}", number, ending);
}

/// `2d`, `5h`: the largest unit alone.
std::string roughly(std::int64_t span_us) {
  constexpr std::array<std::int64_t, 4> kUnitsMs = {86'400'000, 3'600'000, 60'000, 1'000};
  auto span_ms = span_us / 1000;
  for (const auto unit : kUnitsMs) {
    if (span_ms >= unit) {
      span_ms -= span_ms % unit;
      break;
    }
  }
  return format_duration(std::chrono::milliseconds(span_ms));
}

std::string correction_text(const journal::StoryEntry& story) {
  switch (story.stored.settled.value_or(Outcome::pending)) {
    case Outcome::committed:
      break;
    case Outcome::rolled_back:
      return "not corrected, as all of this was rolled back";
    case Outcome::unknown:
      return "perhaps corrected: nobody knows whether this was committed";
    default:
      return "being corrected: whether this was committed is not settled yet";
  }
  if (story.occurrence <= 1) return "corrected";
  const auto span_us = story.stored.time_us - story.previous_us.value_or(0);
  const bool backwards = span_us < 0;  // The wall clock was set back.
  return fmt::format("corrected again, {} time{}", ordinal(story.occurrence),
                     backwards ? "" : fmt::format(", {} after", roughly(span_us)));
}

/// An attempt, a failure, and whatever else may be told of a subject.
std::string other_text(const journal::StoryEntry& story, const Object& detail, bool verbose) {
  const Kind kind = story.stored.entry.kind;
  std::string text;
  if (kind == Kind::failure) {
    const std::string message = message_text(detail);
    text = lines(2, message.empty() ? "failed" : message, verbose ? kAll : 4 * kLineBytes);
    return text + members_text(detail, {"message", "sqlstate", "title"}, verbose);
  }
  if (kind == Kind::attempt) {
    const Object answer = parse_detail(story.stored.answer);
    const std::string sent = attempt_text(detail, answer);
    text = line(2, sent.empty() ? "outside step" : "outside step " + sent,
                verbose ? kAll : kLineBytes);
    const std::string said = said_text(answer);
    if (!verbose) return said.empty() ? text : text + line(4, said, kLineBytes);
    return text + members_text(answer, {"status", "duration_ms", "message"}, verbose) +
           members_text(detail, {"title", "request"}, verbose);
  }
  return text + members_text(detail, {}, verbose);
}

/// What was to follow outside the database.
std::string planned_text(const Object& detail) {
  const auto planned = detail ? detail->getArray("planned") : Poco::JSON::Array::Ptr();
  std::string text;
  for (unsigned i = 0; !planned.isNull() && i < planned->size(); ++i) {
    text += line(4, "then " + member_text(planned->getObject(i), "title"), kLineBytes);
  }
  return text;
}

/// Who erased the detail, and why, as far as it is known.
std::string redaction_text(const std::optional<journal::Redaction>& redaction) {
  if (!redaction) return line(4, "details redacted", kAll, Style::warning);
  const std::string reason = member_text(parse_detail(redaction->detail), "reason");
  return lines(4,
               fmt::format("details redacted by {}, {}{}", redaction->actor,
                           format_local(redaction->time_us), reason.empty() ? "" : ": " + reason),
               kLineBytes, Style::warning);
}

std::string happened_text(const journal::StoryEntry& story, bool verbose) {
  const auto& entry = story.stored.entry;
  const Object detail = parse_detail(entry.detail);
  std::string text;
  if (entry.kind == Kind::inconsistency) text += line(2, correction_text(story), kAll);
  if (story.redacted) {
    if (text.empty()) text += line(2, journal::name_of(entry.kind), kAll);
    return text + redaction_text(story.redaction);
  }
  if (entry.detail && !detail) return text + line(4, *entry.detail, verbose ? kAll : kLineBytes);
  if (entry.kind != Kind::inconsistency) return other_text(story, detail, verbose);
  const auto steps = steps_text(detail, verbose);
  return text + (steps ? *steps + planned_text(detail) : members_text(detail, {}, verbose));
}

/// How it was settled, where that says more than the outcome.
std::string settlement_text(const journal::StoryEntry& story) {
  const auto& settlement = story.settlement;
  if (!settlement || (!settlement->detail && settlement->actor == story.stored.actor)) return {};
  const Object detail = parse_detail(settlement->detail);
  const std::string message = message_text(detail);
  if (!message.empty() && settlement->actor == story.stored.actor) {
    return lines(2, message, 4 * kLineBytes);
  }
  const bool is_answer = story.stored.entry.kind == Kind::attempt &&
                         settlement->actor == story.stored.actor && detail &&
                         !detail->has("settled_by") && !detail->has("reason");
  if (is_answer) return {};  // What was attempted tells it.
  std::string text =
      fmt::format("settled by {}, {}", settlement->actor, format_local(settlement->time_us));
  if (const auto how = member_text(detail, "settled_by"); !how.empty()) text += " (" + how + ")";
  if (!message.empty()) text += ": " + message;
  if (const auto reason = member_text(detail, "reason"); !reason.empty()) text += ": " + reason;
  return lines(2, text, 2 * kLineBytes);
}

std::string cause_text(const journal::StoryEntry& story) {
  const auto& stored = story.stored;
  std::string text = fmt::format("by {}", stored.actor);
  if (story.trigger && *story.trigger != stored.actor) text += fmt::format(" ({})", *story.trigger);
  text += fmt::format(", build {}", stored.build);
  if (stored.entry.pass) text += fmt::format(", pass {}", *stored.entry.pass);
  if (story.xid) text += fmt::format(", xid {}", *story.xid);
  if (story.planned_by) text += fmt::format(", planned by entry {}", *story.planned_by);
  return line(2, text, kLineBytes, Style::faint);
}

std::string times(std::int64_t count) {
  if (count == 1) return "once";
  return count == 2 ? "twice" : counted(count, "time");
}

std::string corrected_text(const journal::StorySummary& summary) {
  if (summary.corrected.empty()) return "never corrected";
  std::int64_t count = 0;
  for (const auto& corrections : summary.corrected) count += corrections.count;
  std::string text = "corrected " + times(count);
  if (summary.corrected.size() == 1)
    text += " by " + styled(Style::strong, printable(summary.corrected[0].converger));
  return text;
}

/// When, and by which converger where there are several.
std::string corrections_table(const journal::StorySummary& summary) {
  Table table;
  for (const auto& [converger, count, first_us, last_us] : summary.corrected) {
    std::vector<Table::Cell> row;
    if (summary.corrected.size() > 1) {
      row.push_back({"  " + printable(converger), Style::strong});
      row.push_back({times(count)});
    }
    std::string when = count == 1 ? format_local(first_us)
                                  : fmt::format("first {}, last {}", format_local(first_us),
                                                format_local(last_us));
    if (row.empty()) when.insert(0, 2, ' ');
    row.push_back({std::move(when), Style::faint});
    table.add(std::move(row));
  }
  return table.take();
}

/// Corrections that were not committed, as far as anybody knows.
std::string others_text(const journal::StorySummary& summary) {
  std::string text;
  const auto add = [&](std::int64_t count, const std::string& words) {
    if (count > 0) text += (text.empty() ? "" : ", ") + words;
  };
  add(summary.rolled_back, "rolled back " + times(summary.rolled_back));
  add(summary.pending, fmt::format("{} pending", summary.pending));
  add(summary.unknown, fmt::format("{} unknown", summary.unknown));
  return text.empty() ? text : line(2, "besides, " + text, kAll, Style::warning);
}

std::string json_of(std::int64_t seq, std::int64_t time_us, std::string_view actor,
                    const std::optional<std::string>& detail) {
  JsonObject object;
  object.add("seq", seq).add("time", format_utc(time_us)).add("actor", actor);
  if (parse_detail(detail)) object.add_members(*detail);
  std::string text = object.line();
  text.pop_back();
  return text;
}

}  // namespace

std::string summary_text(std::string_view subject, const journal::StorySummary& summary) {
  std::string text = styled(Style::strong, brief(subject, kKeyBytes));
  if (summary.label) text += fmt::format(" ({})", brief(*summary.label, kKeyBytes));
  text += ": " + corrected_text(summary) + ", ";
  text += summary.failed == 0 ? styled(Style::good, "never failed")
                              : styled(Style::bad, "failed " + times(summary.failed));
  text += "\n" + corrections_table(summary);
  if (summary.failed > 0) {
    text += line(2, "failed last " + format_local(summary.last_failed_us), kAll, Style::faint);
  }
  if (summary.owed.steps > 0) {
    text += line(
        2, counted(summary.owed.steps, "step") + " outside the database still to be carried out",
        kAll, Style::warning);
  }
  if (const auto& [steps, txns, txn] = summary.owed; txns > 0) {
    text +=
        line(2,
             fmt::format("a step outside the database waits, as whether transaction {} committed "
                         "is unknown{}: `converge journal settle {} OUTCOME --reason TEXT`",
                         txn, txns > 1 ? fmt::format(" (and {} more)", txns - 1) : "", txn),
             kAll, Style::warning);
  }
  return text + others_text(summary);
}

std::string story_text(const journal::StoryEntry& story, const std::optional<std::string>& label,
                       bool verbose) {
  const auto& stored = story.stored;
  std::string text = styled(Style::faint, format_local(stored.time_us));
  if (const auto& definition = stored.entry.definition) {
    text += "  " + styled(Style::strong, printable(definition->name));
    if (!definition->version.empty()) {
      text += " " + styled(Style::faint, printable(definition->version.substr(0, kVersionDigits)));
    }
  }
  text += "  ";
  text += stored.settled ? styled(style_of(*stored.settled), journal::name_of(*stored.settled))
                         : std::string(journal::name_of(stored.entry.kind));
  text += "\n";
  if (stored.entry.label && stored.entry.label != label) {
    text += line(2, fmt::format("as {}", brief(*stored.entry.label, kKeyBytes)), kAll);
  }
  return text + happened_text(story, verbose) + settlement_text(story) + cause_text(story);
}

std::string story_json(const journal::StoryEntry& story,
                       const std::optional<std::string>& definition) {
  JsonObject object;
  object.add_members(entry_json(story.stored));
  if (story.occurrence > 0) object.add("occurrence", story.occurrence);
  if (story.previous_us) object.add("previous", format_utc(*story.previous_us));
  object.add("trigger", story.trigger).add("xid", story.xid).add("planned_by", story.planned_by);
  if (const auto& told = story.settlement) {
    object.add_raw("settled", json_of(told->seq, told->time_us, told->actor, told->detail));
  }
  if (const auto& told = story.redaction) {
    object.add_raw("redacted", json_of(told->seq, told->time_us, told->actor, told->detail));
  } else if (story.redacted) {
    object.add_raw("redacted", "{}");
  }
  return object.add("definition", definition).line();
}

std::string definition_text(const journal::DefinitionId& id, std::string_view text) {
  std::string out = line(2, fmt::format("definition {}:", id.version.substr(0, kVersionDigits)),
                         kAll, Style::faint);
  while (!text.empty()) {
    const auto end = text.find('\n');
    out += "    | ";
    // A tab moves the cursor and does no harm.
    for (std::string_view rest = text.substr(0, end);;) {
      const auto tab = rest.find('\t');
      out += printable(rest.substr(0, tab));
      if (tab == std::string_view::npos) break;
      out += '\t';
      rest.remove_prefix(tab + 1);
    }
    out += '\n';
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

}  // namespace converge::cli

#include "src/cli/story_text.h"

#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/cli/history.h"
#include "src/cli/output.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/JSON/Stringifier.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <limits>
#include <sstream>

namespace converge::cli {

namespace {

using journal::Kind;
using journal::Outcome;
using Object = Poco::JSON::Object::Ptr;

/// Bytes of a key or a label, of a line, and rows of a step, that are shown unless all is wanted.
constexpr std::size_t kKeyBytes = 60;
constexpr std::size_t kLineBytes = 300;
constexpr std::size_t kRows = 5;
constexpr std::size_t kVersionDigits = 12;

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

/// The members of a detail in their order; null when there is none or it is no object.
Object parse(const std::optional<std::string>& detail) {
  if (!detail) return {};
  try {
    Poco::JSON::Parser parser(new Poco::JSON::ParseHandler(true));
    return parser.parse(*detail).extract<Object>();
  } catch (const Poco::Exception&) {
    return {};
  }
}

std::string value_text(const Poco::Dynamic::Var& value) {
  if (value.isString()) return value.toString();
  std::ostringstream text;
  Poco::JSON::Stringifier::stringify(value, text);
  return text.str();
}

std::string member_text(const Object& object, const std::string& name) {
  return object && object->has(name) ? value_text(object->get(name)) : std::string();
}

/// `cluster=7 name="a b"`.
std::string row_text(const Object& row) {
  std::string text;
  for (const auto& [name, value] : *row) {
    std::string shown = printable(value_text(value));
    const bool quoted = value.isString() && (shown.empty() || shown == "null" ||
                                             shown.find_first_of(" =\"") != std::string::npos);
    if (quoted) shown = '"' + shown + '"';
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", printable(name), shown);
  }
  return text;
}

std::string line(std::size_t indent, std::string_view text, std::size_t bytes,
                 Style style = Style::plain) {
  return std::string(indent, ' ') + styled(style, brief(text, bytes)) + "\n";
}

/// Text of several lines, each of them indented.
std::string lines(std::size_t indent, std::string_view text, std::size_t bytes,
                  Style style = Style::plain) {
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = rest.find('\n');
    out += line(indent, rest.substr(0, end), bytes, style);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return out;
}

std::string step_text(const Object& step, bool verbose) {
  const auto count = step->optValue<std::int64_t>("count", 0);
  std::string text = line(4, member_text(step, "title") + ": " + counted(count, "row"), kLineBytes);
  const auto rows = step->getArray("changes");
  const std::size_t kept = rows.isNull() ? 0 : rows->size();
  const std::size_t shown = verbose ? kept : std::min(kept, kRows);
  std::size_t named = 0;
  for (; named < shown; ++named) {
    const auto row = rows->getObject(static_cast<unsigned>(named));
    if (row.isNull() || row->size() == 0) break;  // The step returns nothing but the key.
    text += line(6, row_text(row), verbose ? kAll : kLineBytes);
  }
  const auto more = count - static_cast<std::int64_t>(named);
  if (named > 0 && more > 0) {
    text += line(6, fmt::format("... and {} more{}", more, verbose ? ", which are not kept" : ""),
                 kAll, Style::faint);
  }
  return text;
}

/// The steps in the detail of an inconsistency; nullopt when it is not as it should be.
std::optional<std::string> steps_text(const Object& detail, bool verbose) {
  try {
    std::string text;
    const auto steps = detail ? detail->getArray("steps") : Poco::JSON::Array::Ptr();
    if (steps.isNull()) return std::nullopt;
    for (unsigned i = 0; i < steps->size(); ++i) text += step_text(steps->getObject(i), verbose);
    return text;
  } catch (const Poco::Exception&) {
    return std::nullopt;
  }
}

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

/// `name: value` for each member that is not among `told`; a duration as one.
std::string members_text(const Object& detail, const std::vector<std::string_view>& told,
                         bool verbose) {
  std::string text;
  if (!detail) return text;
  for (const auto& [name, value] : *detail) {
    if (std::find(told.begin(), told.end(), name) != told.end()) continue;
    std::string shown = value_text(value);
    std::string shown_name = name;
    if (name.ends_with("_ms") && value.isInteger()) {
      shown_name.resize(name.size() - 3);
      shown = format_duration(std::chrono::milliseconds(value.convert<std::int64_t>()));
    }
    text += line(4, shown_name + ": " + shown, verbose ? kAll : kLineBytes);
  }
  return text;
}

std::string message_text(const Object& detail) {
  const std::string sqlstate = member_text(detail, "sqlstate");
  return member_text(detail, "message") +
         (sqlstate.empty() ? "" : fmt::format(" (SQLSTATE {})", sqlstate));
}

/// An attempt, a failure, and whatever else may be told of a subject.
std::string other_text(const journal::StoryEntry& story, const Object& detail, bool verbose) {
  const Kind kind = story.stored.entry.kind;
  std::string text;
  if (kind == Kind::failure) {
    const std::string message = message_text(detail);
    text = lines(2, message.empty() ? "failed" : message, verbose ? kAll : 4 * kLineBytes);
    return text + members_text(detail, {"message", "sqlstate"}, verbose);
  }
  const std::string title = member_text(detail, "title");
  if (kind == Kind::attempt) {
    text = line(2, title.empty() ? "outside step" : "outside step " + title, kLineBytes);
  }
  return text + members_text(detail, {"title"}, verbose);
}

/// Who erased the detail, and why, as far as it is known.
std::string redaction_text(const std::optional<journal::Redaction>& redaction) {
  if (!redaction) return line(4, "details redacted", kAll, Style::warning);
  const std::string reason = member_text(parse(redaction->detail), "reason");
  return lines(4,
               fmt::format("details redacted by {}, {}{}", redaction->actor,
                           format_local(redaction->time_us), reason.empty() ? "" : ": " + reason),
               kLineBytes, Style::warning);
}

std::string happened_text(const journal::StoryEntry& story, bool verbose) {
  const auto& entry = story.stored.entry;
  const Object detail = parse(entry.detail);
  std::string text;
  if (entry.kind == Kind::inconsistency) text += line(2, correction_text(story), kAll);
  if (story.redacted) {
    if (text.empty()) text += line(2, journal::name_of(entry.kind), kAll);
    return text + redaction_text(story.redaction);
  }
  if (entry.detail && !detail) return text + line(4, *entry.detail, verbose ? kAll : kLineBytes);
  if (entry.kind != Kind::inconsistency) return other_text(story, detail, verbose);
  return text + steps_text(detail, verbose).value_or(members_text(detail, {}, verbose));
}

/// How it was settled, where that says more than the outcome.
std::string settlement_text(const journal::StoryEntry& story) {
  const auto& settlement = story.settlement;
  if (!settlement || (!settlement->detail && settlement->actor == story.stored.actor)) return {};
  const Object detail = parse(settlement->detail);
  std::string text =
      fmt::format("settled by {}, {}", settlement->actor, format_local(settlement->time_us));
  if (const auto how = member_text(detail, "settled_by"); !how.empty()) text += " (" + how + ")";
  if (const auto message = message_text(detail); !message.empty()) text += ": " + message;
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
  const std::string text = "corrected " + times(count);
  if (summary.corrected.size() > 1) return text;
  return text + " by " + styled(Style::strong, printable(summary.corrected[0].converger));
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
    if (row.empty()) when = "  " + when;
    row.push_back({std::move(when), Style::faint});
    table.add(std::move(row));
  }
  return table.text();
}

std::string json_of(std::int64_t seq, std::int64_t time_us, std::string_view actor,
                    const std::optional<std::string>& detail) {
  JsonObject object;
  object.add("seq", seq).add("time", format_utc(time_us)).add("actor", actor);
  if (parse(detail)) object.add_members(*detail);
  std::string text = object.line();
  text.pop_back();
  return text;
}

}  // namespace

std::string brief(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return printable(text);
  std::size_t end = bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return printable(text.substr(0, end)) + "...";
}

std::string summary_text(std::string_view subject, const journal::StorySummary& summary) {
  std::string text = styled(Style::strong, brief(subject, kKeyBytes));
  if (summary.label) text += fmt::format(" ({})", brief(*summary.label, kKeyBytes));
  text += ": " + corrected_text(summary) + ", ";
  text += summary.failed == 0 ? styled(Style::good, "never failed")
                              : styled(Style::bad, "failed " + times(summary.failed));
  if (summary.rolled_back > 0) text += fmt::format(", rolled back {}", times(summary.rolled_back));
  if (summary.pending > 0) text += fmt::format(", {} pending", summary.pending);
  if (summary.unknown > 0) text += fmt::format(", {} unknown", summary.unknown);
  text += "\n";
  text += corrections_table(summary);
  if (summary.failed > 0) {
    text += line(2, "failed last " + format_local(summary.last_failed_us), kAll, Style::faint);
  }
  return text;
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
  object.add("trigger", story.trigger).add("xid", story.xid);
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

#include "src/cli/history.h"

#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/base/time_expression.h"
#include "src/cli/detail_text.h"
#include "src/cli/summary.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/core.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

namespace converge::cli {

namespace {

using journal::Kind;
using journal::Outcome;

/// Bytes of what happened that a line shows; JSON has it all.
constexpr std::size_t kWidest = 300;

/// Cut where a character begins.
std::string shortened(std::string text) {
  std::size_t end = kWidest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  text.resize(end);
  return text + "...";
}

/// A member of an entry's detail as text for one line, or nothing.
std::string detail_text(const journal::StoredEntry& stored, const std::string& member) {
  return printable(member_text(parse_detail(stored.entry.detail), member));
}

std::int64_t detail_number(const journal::StoredEntry& stored, const std::string& member) {
  std::int64_t number = 0;
  const std::string text = detail_text(stored, member);
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string pass_text(const journal::StoredEntry& stored) {
  const std::string outcome = detail_text(stored, "outcome");
  const auto changes = detail_number(stored, "changes");
  // What a limit stopped was counted, and not corrected.
  const bool is_held = outcome == "held" && changes == 0;
  std::string text = fmt::format(
      "pass {}: {} of {} {}", outcome, stored.entry.count.value_or(0),
      counted(detail_number(stored, "examined"), "subject"),
      is_held ? "to be corrected, none was" : "corrected, " + counted(changes, "change"));
  if (const std::string message = detail_text(stored, "message"); !message.empty()) {
    text += ": " + message;
  }
  return text;
}

/// What a person stopped, or let go on.
std::string control_text(const journal::StoredEntry& stored, std::string_view verb) {
  std::string text = detail_text(stored, "all").empty() ? "" : "all ";
  text += verb;
  if (const auto until = parse_time(detail_text(stored, "until"), stored.time_us)) {
    text += " until " + format_local(until->first_us);
  }
  const std::string reason = detail_text(stored, "reason");
  return reason.empty() ? text : text + ": " + reason;
}

/// With why it failed.
std::string attempt_line(const journal::StoredEntry& stored) {
  const auto answer = parse_detail(stored.answer);
  const std::string message = member_text(answer, "message");
  const std::string said = said_text(answer);
  return attempt_text(parse_detail(stored.entry.detail), answer) +
         (message.empty() ? "" : ": " + message) + (said.empty() ? "" : "; " + said);
}

std::string outcome_text(const journal::StoredEntry& stored) {
  std::string text = fmt::format("entry {} settled", stored.entry.txn.value_or(0));
  const std::string answer = printable(attempt_text({}, parse_detail(stored.entry.detail)));
  for (const auto& more : {answer, detail_text(stored, "message"), detail_text(stored, "reason")}) {
    if (!more.empty()) text += ": " + more;
  }
  return text;
}

std::string clock_text(const journal::StoredEntry& stored) {
  const auto stepped_us = detail_number(stored, "stepped_us");
  const auto by = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::microseconds(std::abs(stepped_us)));
  return fmt::format("the clock was set {} by {}", stepped_us < 0 ? "back" : "forward",
                     format_duration(by));
}

std::string happened(const journal::StoredEntry& stored) {
  const journal::Entry& entry = stored.entry;
  switch (entry.kind) {
    case Kind::inconsistency:
      return summarize_steps(entry.detail.value_or("{}"));
    case Kind::failure: {
      const std::string sqlstate = detail_text(stored, "sqlstate");
      return detail_text(stored, "message") + (sqlstate.empty() ? "" : " (" + sqlstate + ")");
    }
    case Kind::pass:
      return pass_text(stored);
    case Kind::txn:
      return "transaction " + detail_text(stored, "xid");
    case Kind::attempt:
      return printable(attempt_line(stored));
    case Kind::outcome:
      return outcome_text(stored);
    case Kind::hold:
      return fmt::format("held {}: {} to correct, {} allowed", detail_text(stored, "digest"),
                         entry.count.value_or(0), detail_text(stored, "allowed"));
    case Kind::release:
      return "released " + detail_text(stored, "digest");
    case Kind::pause:
      return control_text(stored, "paused");
    case Kind::resume:
      return control_text(stored, "resumed");
    case Kind::retry:
      return counted(entry.count.value_or(0), "subject") + " to be tried again";
    case Kind::clock:
      return clock_text(stored);
    case Kind::recovery:
      return fmt::format("recovery: {} {}", detail_text(stored, "reason"),
                         detail_text(stored, "moved_to"));
    case Kind::update:
      return printable(update_text(parse_detail(entry.detail)));
    case Kind::prune:
      return fmt::format("{} moved to {}", counted(entry.count.value_or(0), "entry", "entries"),
                         detail_text(stored, "archive"));
    case Kind::redact:
      return fmt::format("{} redacted: {}", counted(entry.count.value_or(0), "entry", "entries"),
                         detail_text(stored, "reason"));
    default:
      return std::string(journal::name_of(entry.kind));
  }
}

constexpr const char* kUnreadable = "its detail cannot be read: see `converge journal verify`";

/// One that was edited must not keep the others from being read.
std::string what_happened(const journal::StoredEntry& stored) {
  try {
    return happened(stored);
  } catch (const Poco::Exception&) {
    return kUnreadable;
  }
}

}  // namespace

Style style_of(journal::Outcome outcome) {
  switch (outcome) {
    case Outcome::committed:
      return Style::good;
    case Outcome::failed:
    case Outcome::unknown:
      return Style::bad;
    default:
      return Style::warning;
  }
}

namespace {

std::vector<Table::Cell> row_of(const journal::StoredEntry& stored, std::string what) {
  const journal::Entry& entry = stored.entry;
  const auto outcome = stored.settled ? stored.settled : entry.outcome;
  if (what.size() > kWidest) what = shortened(std::move(what));
  return {
      {format_local(stored.time_us), Style::faint},
      {entry.definition ? printable(entry.definition->name) : "-", Style::strong},
      {entry.subject ? name_subject(*entry.subject, entry.label.value_or("")) : "-", Style::plain},
      {outcome ? std::string(journal::name_of(*outcome)) : "-",
       outcome ? style_of(*outcome) : Style::plain},
      {std::move(what), Style::plain}};
}

/// Everything but what the detail says.
JsonObject object_of(const journal::StoredEntry& stored, std::string_view kind) {
  const journal::Entry& entry = stored.entry;
  JsonObject line;
  line.add("seq", stored.seq)
      .add("time", format_utc(stored.time_us))
      .add("kind", kind)
      .add("pass", entry.pass);
  if (entry.definition) {
    line.add("converger", entry.definition->name).add("version", entry.definition->version);
  }
  line.add("actor", stored.actor)
      .add("build", stored.build)
      .add("txn", entry.txn)
      .add("subject", entry.subject)
      .add("label", entry.label);
  const auto outcome = stored.settled ? stored.settled : entry.outcome;
  // A pass has an outcome of its own, in its detail.
  if (outcome && entry.kind != Kind::pass) line.add("outcome", journal::name_of(*outcome));
  return line;
}

bool is_object(std::string_view json) {
  return trim(json).starts_with('{') && trim(json).ends_with('}');
}

/// The steps in the detail of an inconsistency.
std::vector<Poco::JSON::Object::Ptr> steps_of(const journal::StoredEntry& stored) {
  std::vector<Poco::JSON::Object::Ptr> all;
  if (stored.entry.kind != Kind::inconsistency || !stored.entry.detail) return all;
  const auto detail = parse_detail(stored.entry.detail);
  const auto steps = detail ? detail->getArray("steps") : nullptr;
  for (unsigned i = 0; !steps.isNull() && i < steps->size(); ++i) {
    all.push_back(steps->getObject(i));
  }
  return all;
}

}  // namespace

std::vector<Table::Cell> describe_entry(const journal::StoredEntry& stored) {
  return row_of(stored, what_happened(stored));
}

std::string entry_full(const journal::StoredEntry& stored) {
  const journal::Entry& entry = stored.entry;
  Table head;
  head.add(describe_entry(stored));
  std::string text = head.take();
  std::string by = fmt::format("entry {}, {} by {}, build {}", stored.seq, name_of(entry.kind),
                               printable(stored.actor), stored.build);
  if (entry.pass) by += fmt::format(", pass {}", *entry.pass);
  if (entry.definition && !entry.definition->version.empty()) {
    by += ", version " + printable(entry.definition->version.substr(0, 12));
  }
  text += line(4, by, kAll, Style::faint);
  if (!entry.detail) return text;
  const auto detail = parse_detail(entry.detail);
  const auto steps = entry.kind == Kind::inconsistency ? steps_text(detail, true) : std::nullopt;
  return text + (steps ? *steps : members_text(detail, {}, true)) +
         members_text(parse_detail(stored.answer), {}, true);
}

std::string entry_json(const journal::StoredEntry& stored) {
  JsonObject line = object_of(stored, journal::name_of(stored.entry.kind));
  line.add("count", stored.entry.count);
  if (const auto& detail = stored.entry.detail; detail && is_object(*detail)) {
    // It has a `build` as well, which is not the one that wrote the entry.
    if (stored.entry.kind == Kind::update) {
      return line.add_raw("update", *detail).add("hash", stored.hash).line();
    }
    line.add_members(*detail);
  } else {
    line.add("detail", detail);  // It was edited.
  }
  if (stored.answer && is_object(*stored.answer)) line.add_members(*stored.answer);
  return line.add("hash", stored.hash).line();
}

std::vector<std::vector<Table::Cell>> describe_steps(const journal::StoredEntry& stored) {
  std::vector<std::vector<Table::Cell>> rows;
  for (const auto& step : steps_of(stored)) {
    rows.push_back(
        row_of(stored, printable(member_text(step, "title")) + " " + member_text(step, "count")));
  }
  return rows;
}

std::string steps_json(const journal::StoredEntry& stored) {
  std::string lines;
  for (const auto& step : steps_of(stored)) {
    std::ostringstream members;
    step->stringify(members);
    lines += object_of(stored, "step").add_members(members.str()).add("hash", stored.hash).line();
  }
  return lines;
}

journal::State remember(const std::filesystem::path& journal) {
  std::error_code error;
  if (!std::filesystem::exists(journal, error)) return {};
  return journal::Reader(journal).state();
}

}  // namespace converge::cli

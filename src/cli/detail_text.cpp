#include "src/cli/detail_text.h"

#include "src/base/clock.h"
#include "src/base/text.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Parser.h>
#include <Poco/JSON/Stringifier.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <unistd.h>

namespace converge::cli {

namespace {

using Object = Poco::JSON::Object::Ptr;

/// Rows of a step that are shown unless all are wanted.
constexpr std::size_t kRows = 5;

/// Bytes that are shown of what came with a failure.
constexpr std::size_t kSaidBytes = 120;

std::string value_text(const Poco::Dynamic::Var& value) {
  if (value.isString()) return value.toString();
  std::ostringstream text;
  Poco::JSON::Stringifier::stringify(value, text);
  return text.str();
}

/// `cluster=7 name="a b"`.
std::string row_text(const Object& row) {
  std::string text;
  for (const auto& name : row->getNames()) {  // In their order, unlike what iterating gives.
    const auto value = row->get(name);
    std::string shown = printable(value_text(value));
    const bool quoted = value.isString() && (shown.empty() || shown == "null" ||
                                             shown.find_first_of(" =\"") != std::string::npos);
    if (quoted) shown = fmt::format("\"{}\"", shown);
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", printable(name), shown);
  }
  return text;
}

/// Calls are short: `5.2ms`, and beyond some as everywhere.
std::string duration_text(const Object& answer) {
  const auto ms = answer ? answer->optValue<double>("duration_ms", -1) : -1;
  if (ms < 0) return {};
  if (ms < 10) return fmt::format("{:.1f}ms", ms);
  return format_duration(std::chrono::milliseconds(std::llround(ms)));
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

}  // namespace

std::size_t terminal_columns() { return terminal_columns(STDOUT_FILENO); }

std::string brief(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return printable(text);
  std::size_t end = bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return printable(text.substr(0, end)) + "...";
}

std::string line(std::size_t indent, std::string_view text, std::size_t bytes, Style style) {
  return std::string(indent, ' ') + styled(style, brief(text, bytes)) + "\n";
}

std::string lines(std::size_t indent, std::string_view text, std::size_t bytes, Style style) {
  static const std::size_t columns = terminal_columns();
  const std::size_t width = columns > indent + 20 ? columns - indent : kAll;
  const std::string shown = brief(text, bytes);
  std::string out;
  for (std::string_view rest = shown; !rest.empty();) {
    const auto blank = rest.size() <= width ? std::string_view::npos : rest.rfind(' ', width);
    const auto end = blank == 0 ? std::string_view::npos : blank;
    out += std::string(indent, ' ') + styled(style, rest.substr(0, end)) + "\n";
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return out;
}

Object parse_detail(const std::optional<std::string>& detail) {
  if (!detail) return {};
  try {
    Poco::JSON::Parser parser(new Poco::JSON::ParseHandler(true));
    return parser.parse(*detail).extract<Object>();
  } catch (const Poco::Exception&) {
    return {};
  }
}

std::string member_text(const Object& object, const std::string& name) {
  return object && object->has(name) ? value_text(object->get(name)) : std::string();
}

std::string message_text(const Object& detail) {
  const std::string sqlstate = member_text(detail, "sqlstate");
  return member_text(detail, "message") +
         (sqlstate.empty() ? "" : fmt::format(" (SQLSTATE {})", sqlstate));
}

std::string members_text(const Object& detail, const std::vector<std::string_view>& told,
                         bool verbose) {
  std::string text;
  if (!detail) return text;
  for (const auto& name : detail->getNames()) {
    const auto value = detail->get(name);
    if (std::find(told.begin(), told.end(), name) != told.end()) continue;
    std::string shown = value_text(value);
    std::string shown_name = name;
    if (name.ends_with("_ms") && value.isInteger()) {
      shown_name.resize(name.size() - 3);
      shown = format_duration(std::chrono::milliseconds(value.convert<std::int64_t>()));
    }
    text += line(4, fmt::format("{}: {}", shown_name, shown), verbose ? kAll : kLineBytes);
  }
  return text;
}

std::string attempt_text(const Object& detail, const Object& answer) {
  const auto joined = [](const std::string& left, std::string_view with, const std::string& right) {
    return left.empty() || right.empty() ? left + right : fmt::format("{}{}{}", left, with, right);
  };
  const auto duration = duration_text(answer);
  const auto came =
      joined(member_text(answer, "status"), " ", duration.empty() ? "" : "in " + duration);
  const bool answered = !member_text(answer, "status").empty();
  return joined(joined(member_text(detail, "title"), ": ", member_text(detail, "request")),
                answered ? " -> " : " ", came);
}

std::string update_text(const Object& detail) {
  const std::string event = member_text(detail, "event");
  const std::string build = member_text(detail, "build");
  const std::string from = member_text(detail, "from");
  std::string text = build.empty() ? "update" : "build " + build;
  if (event == "rolled_back") {
    text += " put back in place of " + from;
  } else if (event == "installed") {
    text += " installed in place of " + from;
  } else if (event == "trial") {
    text += " on trial";
  } else {
    text += " " + event;
  }
  const auto release = detail ? detail->getObject("release") : Object();
  if (!release.isNull()) text += ", from " + member_text(release, "channel");
  const std::string why = member_text(detail, "why");
  return why.empty() ? text : text + ": " + why;
}

std::string said_text(const Object& answer) {
  if (member_text(answer, "message").empty()) return {};
  std::string_view said;
  const std::string output = member_text(answer, "output");
  for (std::string_view rest = output; said.empty() && !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    said = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (said.empty()) return {};
  const std::string status = member_text(answer, "status");
  const bool is_service = !status.empty() && status[0] >= '0' && status[0] <= '9';
  return (is_service ? "it answered: " : "it printed: ") + brief(said, kSaidBytes);
}

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

}  // namespace converge::cli

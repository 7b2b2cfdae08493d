#pragma once

#include "src/cli/output.h"
#include "src/cli/terminal_text.h"

#include <Poco/JSON/Object.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::cli {

/// Bytes of a line that are shown unless all is wanted: then it is kAll.
inline constexpr std::size_t kLineBytes = 300;

/// Of standard output.
std::size_t terminal_columns();

/// `printable`, cut at about `bytes`, where a character begins.
std::string brief(std::string_view text, std::size_t bytes);

/// `brief` as one line, indented.
std::string line(std::size_t indent, std::string_view text, std::size_t bytes,
                 Style style = Style::plain);

/// Sentences: the same, broken at blanks where the terminal ends that standard output is. When it
/// is none, the line is not broken, for those who search it.
std::string lines(std::size_t indent, std::string_view text, std::size_t bytes,
                  Style style = Style::plain);

/// The members of a detail in their order; null when there is none or it is no JSON object.
Poco::JSON::Object::Ptr parse_detail(const std::optional<std::string>& detail);

/// A member as text, or nothing.
std::string member_text(const Poco::JSON::Object::Ptr& detail, const std::string& name);

/// `MESSAGE (SQLSTATE 23503)`, as far as there is one.
std::string message_text(const Poco::JSON::Object::Ptr& detail);

/// A line `name: value` for each member that is not among `told`.
std::string members_text(const Poco::JSON::Object::Ptr& detail,
                         const std::vector<std::string_view>& told, bool verbose);

/// What an attempt sent and what came of it: `TITLE: REQUEST -> 200 in 5.2ms`, as far as it is
/// told. `answer` is the detail of its outcome.
std::string attempt_text(const Poco::JSON::Object::Ptr& detail,
                         const Poco::JSON::Object::Ptr& answer);

/// What an `update` entry tells: `build 102 installed in place of 101, from stable`.
std::string update_text(const Poco::JSON::Object::Ptr& detail);

/// What a failed attempt's other side said of it: `it printed: FIRST LINE` for a program, `it
/// answered: FIRST LINE` for a service, the line cut; empty when it said nothing or did not fail.
std::string said_text(const Poco::JSON::Object::Ptr& answer);

/// The steps of an inconsistency: title, count, and the rows; some of them unless `verbose`.
/// Nullopt when the detail is not as it should be.
std::optional<std::string> steps_text(const Poco::JSON::Object::Ptr& detail, bool verbose);

}  // namespace converge::cli

#pragma once

#include <string>
#include <string_view>

namespace converge {

/// `printable` of src/base/text.h for several lines: line breaks and tabs stay.
std::string printable_lines(std::string_view text);

/// JSON from elsewhere, appended to `out` as one line that means the same and does not act on a
/// terminal: what `json_string` would have escaped is escaped.
void append_safe_json(std::string& out, std::string_view json);

}  // namespace converge

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace converge::cli {

/// Text for a terminal of so many columns: a line that is longer is broken at blanks, and goes on
/// `indent` blanks in. What stands in backquotes, a command, stays in one piece where a line is
/// wide enough for it. Lines that begin with a blank, such as a source's with a caret below, stay
/// as they are, and so does a word that is wider than the terminal. Colours have no width.
std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent);

}  // namespace converge::cli

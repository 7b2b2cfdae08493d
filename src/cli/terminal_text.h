#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

namespace converge::cli {

/// `text` as the terminal behind the descriptor can show it: where its locale has no UTF-8, a
/// character beyond ASCII is `\u00e9`. The same text where the descriptor is no terminal.
std::string terminal_text(int descriptor, std::string_view text);

inline constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

/// Columns of the terminal behind the descriptor; kAll when it is none: then lines are not broken,
/// for those who search them.
std::size_t terminal_columns(int descriptor);

/// A mark before a line, and the one that stands for it where the locale has no UTF-8.
std::string_view mark(std::string_view unicode, std::string_view ascii);

}  // namespace converge::cli

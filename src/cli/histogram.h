#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace converge::cli {

/// Whether the locale of the environment (LC_ALL, LC_CTYPE, LANG) is one of UTF-8.
bool locale_is_utf8();

/// One character for each value, as high as it is beside `most`: Unicode's blocks, or ASCII. A
/// value of 0 is a blank, and every other one can be seen.
std::string bars(std::span<const std::int64_t> values, std::int64_t most, bool unicode);

/// A name of ASCII letters cut in its middle, where names differ least, to at most so many columns.
std::string shortened_name(const std::string& name, std::size_t columns, bool unicode);

}  // namespace converge::cli

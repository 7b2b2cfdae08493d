#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// Where the spellings of one character end that a text has at one place.
struct SpellingEnds {
  std::vector<std::size_t> ends;  ///< In the text; more than one where a spelling begins another.
  bool begun = false;             ///< The text ends within what may be one.
};

/// Adds the ends of the spellings of `character`, one in UTF-8 or a byte that is none, at `at`: as
/// it is, and as JSON, URLs, forms and HTML write it.
void add_spellings(std::string_view text, std::size_t at, std::string_view character,
                   SpellingEnds& found);

/// Bytes that a spelling may begin with, besides the character itself.
inline constexpr std::string_view kEscapes = "\\%+&";

/// Stands for a byte that is none of UTF-8: U+FFFD.
inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// The digits of base64 that encode these bytes, in the common alphabet and in that of URLs, with
/// or without padding; and those that do so wherever the bytes stand among others.
std::vector<std::string> base64_spellings(std::string_view bytes);

}  // namespace converge::convergers

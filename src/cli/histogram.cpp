#include "src/cli/histogram.h"

#include <algorithm>
#include <array>
#include <clocale>
#include <cmath>
#include <langinfo.h>
#include <string_view>

namespace converge::cli {

bool locale_is_utf8() {
  // Not setlocale, which changes the whole process.
  locale_t locale = newlocale(LC_CTYPE_MASK, "", nullptr);
  if (locale == nullptr) return false;  // One that is not installed is as good as "C".
  const std::string_view codeset = nl_langinfo_l(CODESET, locale);
  const bool utf8 = codeset == "UTF-8";
  freelocale(locale);
  return utf8;
}

std::string bars(std::span<const std::int64_t> values, std::int64_t most, bool unicode) {
  constexpr std::size_t kLevels = 8;
  constexpr std::array<std::string_view, kLevels> kBlocks = {"▁", "▂", "▃", "▄",
                                                             "▅", "▆", "▇", "█"};
  constexpr std::array<std::string_view, kLevels> kAscii = {".", ":", "-", "=", "+", "*", "#", "@"};
  std::string text;
  for (const auto value : values) {
    if (value <= 0) {
      text += ' ';
      continue;
    }
    const double share = static_cast<double>(value) / static_cast<double>(std::max(value, most));
    const auto level = static_cast<std::size_t>(std::ceil(share * kLevels)) - 1;
    text += unicode ? kBlocks[level] : kAscii[level];
  }
  return text;
}

std::string shortened_name(const std::string& name, std::size_t columns, bool unicode) {
  if (name.size() <= columns) return name;
  const std::size_t end = (columns - 1) / 2;
  return name.substr(0, columns - 1 - end) + (unicode ? "…" : "~") + name.substr(name.size() - end);
}

}  // namespace converge::cli

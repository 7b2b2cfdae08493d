#include "src/cli/terminal_text.h"

#include "src/base/text.h"
#include "src/cli/histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <sys/ioctl.h>
#include <unistd.h>

namespace converge::cli {

namespace {

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80U; }

/// Of a sequence of UTF-8 of at least two bytes.
std::uint32_t code_point(std::string_view sequence) {
  std::uint32_t code = static_cast<unsigned char>(sequence[0]) & (0xffU >> (sequence.size() + 1));
  for (const char c : sequence.substr(1))
    code = code << 6U | (static_cast<unsigned char>(c) & 0x3fU);
  return code;
}

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto length = std::max<std::size_t>(utf8_length(text), 1);
    const auto sequence = text.substr(0, length);
    if (length > 1) {
      const auto code = code_point(sequence);
      out += code > 0xffffU ? fmt::format("\\U{:08x}", code) : fmt::format("\\u{:04x}", code);
    } else {
      out += sequence;
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::string terminal_text(int descriptor, std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_ascii) || isatty(descriptor) == 0 ||
      locale_is_utf8()) {
    return std::string(text);
  }
  return escaped(text);
}

std::size_t terminal_columns(int descriptor) {
  winsize size{};
  const bool known = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kAll;
}

std::string_view mark(std::string_view unicode, std::string_view ascii) {
  return locale_is_utf8() ? unicode : ascii;
}

}  // namespace converge::cli

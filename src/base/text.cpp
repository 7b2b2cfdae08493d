#include "src/base/text.h"

#include "src/base/safe_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <system_error>
#include <vector>

namespace converge {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t index) {
  return static_cast<std::uint8_t>(text[index]);
}

bool is_plain_ascii(char c) { return c >= 0x20 && c < 0x7f; }
bool is_plain_in_json(char c) { return is_plain_ascii(c) && c != '"' && c != '\\'; }

// Of a sequence whose length `utf8_length` gave.
char32_t decode(std::string_view sequence) {
  if (sequence.size() == 1) return byte_at(sequence, 0);
  char32_t code = byte_at(sequence, 0) & (0x7fU >> sequence.size());
  for (std::size_t i = 1; i < sequence.size(); ++i)
    code = code << 6U | (byte_at(sequence, i) & 63U);
  return code;
}

// Controls, line separators, and the marks that make a terminal show text in another order than it
// has ("Trojan Source", CVE-2021-42574): all that have Unicode's property Bidi_Control.
bool is_hazardous(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x061c || code == 0x200e || code == 0x200f;
}

// The escapes that JSON and people share; empty for the rest.
std::string_view short_escape(char32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\r') return "\\r";
  if (code == '\t') return "\\t";
  return {};
}

void append_json_escape(std::string& out, char32_t code) {
  if (code == '"' || code == '\\') {
    out += {'\\', static_cast<char>(code)};
  } else if (const auto escape = short_escape(code); !escape.empty()) {
    out += escape;
  } else {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", std::uint32_t{code});
  }
}

void append_visible_escape(std::string& out, char32_t code) {
  const std::uint32_t number = code;
  if (const auto escape = short_escape(code); !escape.empty()) {
    out += escape;
  } else if (number < 0x80) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", number);
  } else {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", number);
  }
}

// Edit distance where swapping two neighbours counts as one edit (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  constexpr std::size_t kLongest = 64;  // Longer ones are not slips of the finger.
  if (word.empty() || word.size() > kLongest) return std::nullopt;
  std::size_t best = std::min<std::size_t>(3, (word.size() + 2) / 3);
  std::optional<std::string> found;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance > best || (found && distance == best)) continue;
    best = distance;
    found = candidate;
  }
  return found;
}

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto lead = byte_at(text, 0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  const auto continues = [](char c) { return (static_cast<std::uint8_t>(c) & 0xc0U) == 0x80; };
  if (!std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(length),
                   continues)) {
    return 0;
  }
  // The second byte tells overlong forms, surrogates and what is beyond U+10FFFF (Unicode, 3-7).
  const auto second = byte_at(text, 1);
  const bool refused = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
                       (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f);
  return refused ? 0 : length;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto* stop = std::find_if_not(text.begin(), text.end(), is_plain_in_json);
    out.append(text.begin(), stop);
    text.remove_prefix(static_cast<std::size_t>(stop - text.begin()));
    if (text.empty()) break;
    const auto length = utf8_length(text);
    const auto sequence = text.substr(0, std::max<std::size_t>(length, 1));
    const char32_t code = length == 0 ? U'\ufffd' : decode(sequence);
    if (length > 1 && !is_hazardous(code)) {
      out += sequence;
    } else {
      append_json_escape(out, code);
    }
    text.remove_prefix(sequence.size());
  }
  out += '"';
}

std::string json_string(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_string(out, text);
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const auto sequence = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte_at(text, 0));
    } else if (const auto code = decode(sequence); is_hazardous(code)) {
      append_visible_escape(out, code);
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return out;
}

std::string printable_lines(std::string_view text) {
  std::string out;
  for (;;) {
    const auto end = text.find_first_of("\n\t");
    out += printable(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    out += text[end];
    text.remove_prefix(end + 1);
  }
}

void append_safe_json(std::string& out, std::string_view json) {
  while (!json.empty()) {
    const auto* stop = std::find_if_not(json.begin(), json.end(), is_plain_ascii);
    out.append(json.begin(), stop);
    json.remove_prefix(static_cast<std::size_t>(stop - json.begin()));
    if (json.empty()) return;
    const auto length = utf8_length(json);
    const auto sequence = json.substr(0, std::max<std::size_t>(length, 1));
    const char32_t code = length == 0 ? U'\ufffd' : decode(sequence);
    if (!short_escape(code).empty()) {
      out += ' ';  // Between the elements: a string has none of these.
    } else if (length == 0 || is_hazardous(code)) {
      append_json_escape(out, code);
    } else {
      out += sequence;
    }
    json.remove_prefix(sequence.size());
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string system_reason(int error_number) {
  auto reason = std::generic_category().message(error_number);
  // "I/O error" and "RPC ..." keep their capitals.
  const bool one_capital = reason.size() > 1 && reason[1] >= 'a' && reason[1] <= 'z';
  if (one_capital && reason[0] >= 'A' && reason[0] <= 'Z') {
    reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
  }
  return reason;
}

std::string counted(std::int64_t count, std::string_view noun, std::string_view plural) {
  std::string digits = fmt::format("{}", count);
  for (auto place = static_cast<std::ptrdiff_t>(digits.size()) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), 1, ',');
  }
  if (count == 1) return fmt::format("{} {}", digits, noun);
  return plural.empty() ? fmt::format("{} {}s", digits, noun)
                        : fmt::format("{} {}", digits, plural);
}

}  // namespace converge

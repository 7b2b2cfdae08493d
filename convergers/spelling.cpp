#include "convergers/spelling.h"

#include "src/base/text.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

namespace converge::convergers {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

enum class Case { matters, any };

// Follows one spelling as far as the text has it.
void follow(std::string_view text, std::size_t at, std::string_view spelling, Case letters,
            SpellingEnds& found) {
  const auto there = text.substr(at, spelling.size());
  const bool same =
      std::equal(there.begin(), there.end(), spelling.begin(), [&](char one, char other) {
        return one == other || (letters == Case::any && lower(one) == lower(other));
      });
  if (!same) return;
  if (there.size() < spelling.size()) {
    found.begun = true;
  } else {
    found.ends.push_back(at + spelling.size());
  }
}

// The code point of a character in UTF-8; U+FFFD, as in JSON, for a byte that is none.
std::uint32_t code_point(std::string_view character) {
  if (utf8_length(character) == 0) return 0xfffd;
  const auto byte = [&](std::size_t index) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(character[index]));
  };
  if (character.size() == 1) return byte(0);
  std::uint32_t point = byte(0) & (0x7fU >> character.size());
  for (std::size_t index = 1; index < character.size(); ++index) {
    point = point << 6U | (byte(index) & 0x3fU);
  }
  return point;
}

void add_json(std::string_view text, std::size_t at, std::string_view character,
              SpellingEnds& found) {
  constexpr std::array<std::pair<char, std::string_view>, 5> kShort = {
      {{'\b', "\\b"}, {'\f', "\\f"}, {'\n', "\\n"}, {'\r', "\\r"}, {'\t', "\\t"}}};
  const auto point = code_point(character);
  if (point < 0x10000) {
    follow(text, at, fmt::format("\\u{:04x}", point), Case::any, found);
  } else {
    const auto rest = point - 0x10000;
    follow(text, at,
           fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10U), 0xdc00 + (rest & 0x3ffU)),
           Case::any, found);
  }
  if (character.size() != 1) return;
  const char c = character.front();
  const bool is_mark =
      c > ' ' && c < 0x7f && (lower(c) < 'a' || lower(c) > 'z') && (c < '0' || c > '9');
  if (is_mark) follow(text, at, std::string("\\") + c, Case::matters, found);
  for (const auto& [plain, spelling] : kShort) {
    if (c == plain) follow(text, at, spelling, Case::matters, found);
  }
}

void add_percent(std::string_view text, std::size_t at, std::string_view character,
                 SpellingEnds& found) {
  std::string spelling;
  for (const char c : character) {
    spelling += fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  follow(text, at, spelling, Case::any, found);
}

// `&#252;` and `&#xFC;`, perhaps with zeros in front.
void add_reference(std::string_view text, std::size_t at, std::uint32_t point,
                   SpellingEnds& found) {
  constexpr std::size_t kLongest = 12;
  auto digits = text.substr(at, kLongest);
  const bool whole = digits.find(';') != std::string_view::npos;
  digits = digits.substr(0, digits.find(';'));
  const auto all = at + digits.size() + 1;
  if (!whole && at + digits.size() == text.size()) {
    found.begun = found.begun || digits.size() < 2 || digits[1] == '#';
    return;
  }
  if (!whole || digits.size() < 3 || digits[1] != '#') return;
  const bool hexadecimal = lower(digits[2]) == 'x';
  digits.remove_prefix(hexadecimal ? 3 : 2);
  std::uint32_t number = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number, hexadecimal ? 16 : 10);
  if (error == std::errc() && stop == end && number == point) found.ends.push_back(all);
}

void add_html(std::string_view text, std::size_t at, std::string_view character,
              SpellingEnds& found) {
  constexpr std::array<std::pair<char, std::string_view>, 5> kNamed = {
      {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&apos;"}}};
  add_reference(text, at, code_point(character), found);
  if (character.size() != 1) return;
  for (const auto& [plain, spelling] : kNamed) {
    if (character.front() == plain) follow(text, at, spelling, Case::matters, found);
  }
}

std::string base64(std::string_view bytes) {
  std::string coded(4 * (bytes.size() / 3 + 1) + 1, '\0');
  const auto* const in = reinterpret_cast<const unsigned char*>(bytes.data());  // NOLINT: as in
  auto* const out = reinterpret_cast<unsigned char*>(coded.data());  // NOLINT: OpenSSL's interface.
  const int size = EVP_EncodeBlock(out, in, static_cast<int>(bytes.size()));
  coded.resize(static_cast<std::size_t>(size));
  return coded;
}

}  // namespace

void add_spellings(std::string_view text, std::size_t at, std::string_view character,
                   SpellingEnds& found) {
  if (at == text.size()) {
    found.begun = true;
    return;
  }
  follow(text, at, character, Case::matters, found);
  if (utf8_length(character) == 0) follow(text, at, kReplacement, Case::matters, found);
  switch (text[at]) {
    case '\\':
      return add_json(text, at, character, found);
    case '%':
      return add_percent(text, at, character, found);
    case '&':
      return add_html(text, at, character, found);
    case '+':
      if (character == " ") found.ends.push_back(at + 1);
      return;
    default:
      return;
  }
}

std::vector<std::string> base64_spellings(std::string_view bytes) {
  std::vector<std::string> all = {base64(bytes)};
  // Behind none, one or two other bytes, less the digits that those, or others behind, have part
  // in.
  for (const std::size_t before : {0U, 1U, 2U}) {
    const auto bits = 8 * (before + bytes.size());
    const auto coded = base64(std::string(before, '\0').append(bytes));
    const auto first = (8 * before + 5) / 6;
    if (bits / 6 > first) all.push_back(coded.substr(first, bits / 6 - first));
  }
  const auto padding = all.front().find('=');
  if (padding != std::string::npos) all.push_back(all.front().substr(0, padding));
  const auto count = all.size();
  for (std::size_t index = 0; index < count; ++index) {
    std::string for_urls = all[index];
    std::replace(for_urls.begin(), for_urls.end(), '+', '-');
    std::replace(for_urls.begin(), for_urls.end(), '/', '_');
    if (for_urls != all[index]) all.push_back(std::move(for_urls));
  }
  return all;
}

}  // namespace converge::convergers

#include "src/http/head.h"

#include "src/base/text.h"
#include "src/http/client.h"

#include <Poco/Ascii.h>
#include <Poco/DateTime.h>
#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/DateTimeParser.h>
#include <Poco/String.h>
#include <Poco/StringTokenizer.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace converge::http {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestRetryAfter = std::chrono::hours{7 * 24};

[[noreturn]] void refuse(const std::string& what) {
  throw HttpError(ErrorKind::transient, "not an answer in HTTP/1: " + what,
                  "See whether it is an HTTP server that listens there.");
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return Poco::Ascii::isDigit(c); });
}

/// Saturates.
std::uint64_t number_of(std::string_view digits) {
  std::uint64_t number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return result.ec == std::errc() ? number : UINT64_MAX;
}

Poco::StringTokenizer items_of(const std::string& list) {
  return {list, ",", Poco::StringTokenizer::TOK_IGNORE_EMPTY | Poco::StringTokenizer::TOK_TRIM};
}

}  // namespace

std::optional<std::string> HttpHead::value(std::string_view name) const {
  std::optional<std::string> all;
  for (const auto& [header, value] : headers) {
    if (header == name) all = all ? *all + ", " + value : value;
  }
  return all;
}

bool HttpHead::lists(std::string_view name, std::string_view item) const {
  const auto list = value(name);
  if (!list) return false;
  const auto items = items_of(*list);
  return std::any_of(items.begin(), items.end(), [&](const std::string& candidate) {
    return Poco::icompare(candidate, std::string(item)) == 0;
  });
}

std::optional<std::size_t> HttpHead::content_length() const {
  const auto list = value("content-length");
  if (!list) return std::nullopt;
  const auto items = items_of(*list);
  const bool same = items.count() > 0 && std::all_of(items.begin(), items.end(),
                                                     [&](auto& item) { return item == items[0]; });
  if (!same || !is_digits(items[0])) refuse("a Content-Length that is no number");
  return number_of(items[0]);
}

HttpHead parse_status_line(std::string_view line) {
  const bool known =
      line.size() >= 12 && (line.starts_with("HTTP/1.0 ") || line.starts_with("HTTP/1.1 "));
  if (!known || !is_digits(line.substr(9, 3)) || (line.size() > 12 && line[12] != ' ')) {
    refuse("it begins otherwise");
  }
  const auto status = static_cast<int>(number_of(line.substr(9, 3)));
  if (status < 100 || status > 599) refuse("its status is " + std::to_string(status));
  return {.status = status, .minor_version = line[7] - '0'};
}

void add_header_line(HttpHead& head, std::string_view line) {
  const auto colon = line.find(':');
  const auto name = line.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() ||
      name.find_first_of(" \t") != std::string_view::npos) {
    refuse("a line of its head is no header");
  }
  head.headers.emplace_back(Poco::toLower(std::string(name)), trim(line.substr(colon + 1)));
}

std::optional<milliseconds> parse_retry_after(std::string_view text) {
  constexpr auto longest = kLongestRetryAfter.count();
  if (is_digits(text)) {
    const auto seconds = std::min<std::uint64_t>(number_of(text), longest / 1000);
    return std::chrono::seconds{seconds};
  }
  Poco::DateTime date;
  int zone = 0;
  if (!Poco::DateTimeParser::tryParse(Poco::DateTimeFormat::HTTP_FORMAT, std::string(text), date,
                                      zone) ||
      Poco::DateTimeFormatter::format(date, Poco::DateTimeFormat::HTTP_FORMAT) != text) {
    return std::nullopt;  // Poco reads a date into nearly any text.
  }
  const auto left = (date.timestamp() - Poco::Timestamp()) / 1000;
  return milliseconds{std::clamp<std::int64_t>(left, 0, longest)};
}

}  // namespace converge::http

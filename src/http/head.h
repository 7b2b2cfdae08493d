#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace converge::http {

/// What stands before the body of an answer (RFC 9112, sections 4 and 5).
struct HttpHead {
  int status = 0;
  int minor_version = 1;                                       ///< 0 for HTTP/1.0.
  std::vector<std::pair<std::string, std::string>> headers{};  ///< Names in lower case.

  /// All values of a header, joined by commas; nullopt where there is none.
  std::optional<std::string> value(std::string_view name) const;
  /// Whether a header that is a list has an item, in any case.
  bool lists(std::string_view name, std::string_view item) const;
  /// The body's size. Throws `HttpError{transient}` where it is no number, or two of them.
  std::optional<std::size_t> content_length() const;
};

/// Both take a line without its end. They throw `HttpError{transient}` for what HTTP/1 has not.
HttpHead parse_status_line(std::string_view line);
void add_header_line(HttpHead& head, std::string_view line);

/// The value of Retry-After, seconds or a date, as the time from now, between 0 and 6 hours.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text);

}  // namespace converge::http

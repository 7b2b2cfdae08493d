#include "convergers/url_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace converge::convergers {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_unreserved(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

bool is_reserved(char c) {
  return std::string_view(":/?[]@!$&'()*+,;=").find(c) != std::string_view::npos;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The bytes of `http://` or `https://` at the start; 0 without.
std::size_t scheme_length(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.size() >= scheme.size() &&
        std::equal(scheme.begin(), scheme.end(), url.begin(),
                   [](char expected, char c) { return expected == lower(c); })) {
      return scheme.size();
    }
  }
  return 0;
}

}  // namespace

std::size_t find_foreign_byte(std::string_view url) {
  for (std::size_t at = 0; at < url.size(); ++at) {
    const bool escape =
        url[at] == '%' && at + 2 < url.size() && is_hex(url[at + 1]) && is_hex(url[at + 2]);
    if (!escape && !is_unreserved(url[at]) && !is_reserved(url[at])) return at;
  }
  return std::string_view::npos;
}

std::size_t origin_end(std::string_view url) {
  return std::min(url.find_first_of("/?", scheme_length(url)), url.size());
}

std::optional<std::string> origin_problem(std::string_view url) {
  const auto scheme = scheme_length(url);
  if (scheme == 0) return "it begins with neither http:// nor https://";
  auto host = url.substr(scheme, origin_end(url) - scheme);
  if (host.find('@') != std::string_view::npos) {
    return "it holds a user name or a password, which belong into a header";
  }
  std::string_view port;
  const auto colon =
      host.find(':', host.starts_with('[') ? std::min(host.find(']'), host.size()) : 0);
  if (colon != std::string_view::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
    if (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), is_digit)) {
      return "its port is no number";
    }
  }
  if (host.empty()) return "it names no host";
  const bool address = host.starts_with('[') && host.ends_with(']');
  const auto belongs = [](char c) { return is_unreserved(c); };
  const auto in_address = [](char c) { return is_hex(c) || c == ':' || c == '.'; };
  const bool good =
      address ? host.size() > 4 && std::all_of(host.begin() + 1, host.end() - 1, in_address)
              : std::all_of(host.begin(), host.end(), belongs);
  if (!good) return "its host is neither a name nor an address";
  return std::nullopt;
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      encoded += c;
    } else {
      fmt::format_to(std::back_inserter(encoded), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::string form_encoded(std::string_view text) {
  std::string encoded;
  for (auto rest = text; !rest.empty();) {
    const auto plain = std::min(rest.find(' '), rest.size());
    encoded += percent_encoded(rest.substr(0, plain));
    if (plain < rest.size()) encoded += '+';
    rest.remove_prefix(std::min(plain + 1, rest.size()));
  }
  return encoded;
}

bool is_walking_segment(std::string_view segment) {
  std::size_t dots = 0;
  while (!segment.empty()) {
    const bool disguised =
        segment.size() >= 3 && segment[0] == '%' && segment[1] == '2' && lower(segment[2]) == 'e';
    if (!disguised && segment[0] != '.') return false;
    segment.remove_prefix(disguised ? 3 : 1);
    ++dots;
  }
  return dots <= 2;
}

}  // namespace converge::convergers

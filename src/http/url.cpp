#include "src/http/url.h"

#include "src/http/client.h"

#include <Poco/Ascii.h>
#include <Poco/String.h>

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

namespace converge::http {
namespace {

[[noreturn]] void refuse(const std::string& message, std::string hint = {}) {
  throw HttpError(ErrorKind::usage, message, std::move(hint));
}

bool is_plain(char byte) { return byte > ' ' && byte < '\x7f' && byte != '\\' && byte != '"'; }

bool is_host_byte(char byte) {
  return Poco::Ascii::isAlphaNumeric(byte) || byte == '-' || byte == '.' || byte == '_';
}

bool take_scheme(std::string_view& rest) {
  const auto end = rest.find("://");
  const auto scheme = Poco::toLower(std::string(rest.substr(0, end)));
  if (end == std::string_view::npos || (scheme != "http" && scheme != "https")) {
    refuse("not a URL of http:// or https://");
  }
  rest.remove_prefix(end + 3);
  return scheme == "https";
}

std::uint16_t port_of(std::string_view digits) {
  std::uint16_t port = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, port);
  if (error != std::errc() || stop != end || port == 0) refuse("the URL's port is not a port");
  return port;
}

/// The host of an authority, which is left with what stands behind it.
std::string take_host(std::string_view& authority) {
  if (!authority.starts_with('[')) {
    const auto end = std::min(authority.find(':'), authority.size());
    std::string host = Poco::toLower(std::string(authority.substr(0, end)));
    authority.remove_prefix(end);
    if (host.empty()) refuse("the URL has no host");
    if (!std::all_of(host.begin(), host.end(), is_host_byte)) refuse("the URL's host is no name");
    return host;
  }
  const auto end = authority.find(']');
  std::string host(authority.substr(1, end == std::string_view::npos ? end : end - 1));
  in6_addr address{};
  if (end == std::string_view::npos || inet_pton(AF_INET6, host.c_str(), &address) != 1) {
    refuse("the URL's host is no IPv6 address");
  }
  authority.remove_prefix(end + 1);
  return host;
}

}  // namespace

std::string HttpUrl::host_and_port() const {
  const bool bare = host.find(':') == std::string::npos;
  return (bare ? host : '[' + host + ']') + ':' + std::to_string(port);
}

HttpUrl parse_http_url(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), is_plain)) {
    refuse("the URL has a byte that must be escaped", "Write it as %XX.");
  }
  std::string_view rest = text.substr(0, text.find('#'));
  HttpUrl url;
  url.secure = take_scheme(rest);
  auto authority = rest.substr(0, rest.find_first_of("/?"));
  rest.remove_prefix(authority.size());
  if (authority.find('@') != std::string_view::npos) {
    refuse("the URL has a user or password", "Send it in an Authorization header.");
  }
  const std::uint16_t usual = url.secure ? 443 : 80;
  url.host = take_host(authority);
  if (!authority.empty() && !authority.starts_with(':')) refuse("the URL's host is no name");
  url.port = authority.size() > 1 ? port_of(authority.substr(1)) : usual;
  url.authority = url.host_and_port();
  if (url.port == usual) url.authority.resize(url.authority.rfind(':'));
  url.target = rest.starts_with('/') ? std::string(rest) : '/' + std::string(rest);
  return url;
}

}  // namespace converge::http

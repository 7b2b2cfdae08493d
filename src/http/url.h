#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace converge::http {

/// The parts of an `http` or `https` URL (RFC 3986), as a request needs them.
struct HttpUrl {
  bool secure = false;
  std::string host{};  ///< Lower case; an IPv6 address without its brackets.
  std::uint16_t port = 0;
  std::string authority{};  ///< For the Host header: the port only where it is not the usual one.
  std::string target{};     ///< Path and query, byte for byte; `/` at least.

  /// `HOST:PORT`, an IPv6 address in brackets.
  std::string host_and_port() const;
};

/// Throws `HttpError{usage}` for anything else, for user information and for bytes that a URL has
/// only when escaped. A fragment is left out. Unlike Poco::URI, which unescapes the path and
/// escapes it anew, it leaves `%2F` what it is.
HttpUrl parse_http_url(std::string_view text);

}  // namespace converge::http

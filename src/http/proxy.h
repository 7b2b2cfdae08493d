#pragma once

#include "src/http/url.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace converge::http {

/// A proxy that speaks plain HTTP to us.
struct HttpProxy {
  std::string host;
  std::uint16_t port = 0;
  std::string authorization;  ///< Value of Proxy-Authorization; empty: none.

  std::string name() const;  ///< `HOST:PORT`, without secrets.
};

/// `[http://][USER:PASSWORD@]HOST[:PORT]`. Throws `HttpError{usage}`, without the text, for
/// anything else.
HttpProxy parse_http_proxy(std::string_view text);

/// Whether `no_proxy`, a list as curl(1) and Go take it, has a host: `*`, a name with all names
/// below it, an address, a range of addresses (`10.0.0.0/8`), each but the range also with a port.
bool is_listed(std::string_view no_proxy, const HttpUrl& url);

/// Which proxy serves which URL.
class HttpProxies {
 public:
  /// `configured` is for all URLs, empty for no proxy at all; nullopt leaves it to the environment,
  /// which is read here and now. Throws as `parse_http_proxy`, of the environment with the name of
  /// the variable.
  explicit HttpProxies(const std::optional<std::string>& configured);

  /// Null for the direct way.
  const HttpProxy* for_url(const HttpUrl& url) const;

 private:
  std::optional<HttpProxy> plain_;
  std::optional<HttpProxy> secure_;
  std::string no_proxy_;
};

}  // namespace converge::http

#pragma once

#include "src/http/client.h"
#include "src/http/proxy.h"
#include "src/http/url.h"

#include <string>

namespace converge::http {

/// The bytes of a request, head and body together, for one write. A plain request through a proxy
/// names the whole URL. Throws `HttpError{usage}` for a method or header that HTTP does not allow,
/// such as one with a line break, or that is the client's own.
std::string request_bytes(const HttpRequest& request, const HttpUrl& url, const HttpProxy* proxy);

/// What asks a proxy for a tunnel.
std::string connect_bytes(const HttpUrl& url, const HttpProxy& proxy);

}  // namespace converge::http

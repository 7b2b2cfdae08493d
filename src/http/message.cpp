#include "src/http/message.h"

#include "src/base/text.h"

#include <Poco/Ascii.h>
#include <Poco/String.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace converge::http {
namespace {

/// Those that say how a message is sent, which is not for the caller to say.
constexpr std::array<std::string_view, 9> kOwn = {
    "connection", "content-length",    "expect",  "keep-alive", "proxy-authorization",
    "te",         "transfer-encoding", "trailer", "upgrade"};

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return Poco::Ascii::isAlphaNumeric(c) || marks.find(c) != std::string_view::npos;
  });
}

bool is_header_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < ' ' && c != '\t') || byte == 0x7f;
  });
}

void check(const HttpRequest& request) {
  const auto refuse = [](const std::string& message) {
    throw HttpError(ErrorKind::usage, message);
  };
  if (!is_token(request.method)) refuse("the method is not a word");
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) refuse("the name of a header is not a word");
    if (!is_header_value(value)) {
      refuse("header " + name + ": a line break or another control character in its value");
    }
    if (std::find(kOwn.begin(), kOwn.end(), Poco::toLower(name)) != kOwn.end()) {
      refuse("header " + name + " is not for the request to set");
    }
  }
}

void add(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::string request_bytes(const HttpRequest& request, const HttpUrl& url, const HttpProxy* proxy) {
  check(request);
  const bool whole = proxy != nullptr && !url.secure;
  std::string out = request.method + ' ';
  if (whole) out.append("http://").append(url.authority);
  out.append(url.target).append(" HTTP/1.1\r\n");
  const auto has = [&](const char* name) {
    return std::any_of(request.headers.begin(), request.headers.end(),
                       [&](const auto& header) { return Poco::icompare(header.first, name) == 0; });
  };
  if (!has("host")) add(out, "Host", url.authority);
  if (!has("user-agent")) add(out, "User-Agent", "converge");
  if (!has("accept")) add(out, "Accept", "*/*");
  for (const auto& [name, value] : request.headers) add(out, name, value);
  if (whole && !proxy->authorization.empty()) {
    add(out, "Proxy-Authorization", proxy->authorization);
  }
  const bool bare = request.method == "GET" || request.method == "HEAD";
  if (!bare || !request.body.empty()) {
    add(out, "Content-Length", std::to_string(request.body.size()));
  }
  return out.append("\r\n").append(request.body);
}

std::string connect_bytes(const HttpUrl& url, const HttpProxy& proxy) {
  const std::string place = url.host_and_port();
  std::string out = "CONNECT " + place + " HTTP/1.1\r\n";
  add(out, "Host", place);
  if (!proxy.authorization.empty()) add(out, "Proxy-Authorization", proxy.authorization);
  return out.append("\r\n");
}

}  // namespace converge::http

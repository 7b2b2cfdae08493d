#include "src/http/proxy.h"

#include "src/http/client.h"

#include <Poco/Exception.h>
#include <Poco/String.h>
#include <Poco/StringTokenizer.h>
#include <Poco/URI.h>
#include <openssl/evp.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstdlib>

namespace converge::http {
namespace {

/// A variable of the environment, with the spelling that was found.
struct Variable {
  std::string name{};
  std::string value{};
};

Variable variable(const std::string& name) {
  for (const auto& spelling : {name, Poco::toUpper(name)}) {
    const char* const value = std::getenv(spelling.c_str());
    if (value != nullptr && *value != '\0') return {.name = spelling, .value = value};
  }
  return {};
}

std::optional<HttpProxy> proxy_of(const std::optional<std::string>& configured,
                                  const std::string& name) {
  const auto [source, text] =
      configured ? Variable{.name = {}, .value = *configured} : variable(name);
  if (text.empty()) return std::nullopt;
  try {
    return parse_http_proxy(text);
  } catch (const HttpError& error) {
    if (configured) throw;
    throw HttpError(error.kind(), source + " in the environment: " + error.what(), error.hint());
  }
}

std::string basic_authorization(const std::string& user_info) {
  std::string plain;
  try {
    Poco::URI::decode(user_info, plain);
  } catch (const Poco::Exception&) {
    throw HttpError(ErrorKind::usage, "the proxy's user or password is badly escaped");
  }
  std::string coded(4 * (plain.size() / 3 + 1) + 1, '\0');
  const auto* const bytes = reinterpret_cast<const unsigned char*>(plain.data());  // NOLINT: as in
  auto* const out = reinterpret_cast<unsigned char*>(coded.data());  // NOLINT: OpenSSL's interface.
  const int size = EVP_EncodeBlock(out, bytes, static_cast<int>(plain.size()));
  return "Basic " + coded.substr(0, static_cast<std::size_t>(size));
}

using AddressBytes = std::array<unsigned char, sizeof(in6_addr)>;

/// The size of an address in bytes, or 0 for what is none.
std::size_t address_of(const std::string& text, AddressBytes& bytes) {
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return sizeof(in_addr);
  return inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1 ? sizeof(in6_addr) : 0;
}

bool is_in_range(const std::string& range, const std::string& host) {
  const auto slash = range.find('/');
  AddressBytes first{};
  AddressBytes address{};
  const auto size_bytes = address_of(range.substr(0, slash), first);
  std::size_t bits = 0;
  const auto* const end = range.data() + range.size();
  const auto [stop, error] = std::from_chars(range.data() + slash + 1, end, bits);
  if (size_bytes == 0 || error != std::errc() || stop != end || bits > 8 * size_bytes ||
      address_of(host, address) != size_bytes) {
    return false;
  }
  const auto whole = bits / 8;
  const auto mask = static_cast<unsigned char>(0xff00U >> (bits % 8));
  return std::equal(first.begin(), first.begin() + whole, address.begin()) &&
         (mask == 0 || ((first[whole] ^ address[whole]) & mask) == 0);
}

bool has_entry(std::string entry, const HttpUrl& url) {
  entry = Poco::toLower(entry);
  if (entry == "*") return true;
  if (entry.find('/') != std::string::npos) return is_in_range(entry, url.host);
  const auto suffix = ':' + std::to_string(url.port);
  AddressBytes address{};
  if (entry.ends_with(suffix) && address_of(entry, address) == 0) {
    entry.resize(entry.size() - suffix.size());
  }
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  entry.erase(0, entry.find_first_not_of("*."));
  return !entry.empty() && (url.host == entry || url.host.ends_with('.' + entry));
}

}  // namespace

std::string HttpProxy::name() const { return HttpUrl{.host = host, .port = port}.host_and_port(); }

HttpProxy parse_http_proxy(std::string_view text) {
  const auto scheme_end = text.find("://");
  if (scheme_end != std::string_view::npos) {
    if (Poco::toLower(std::string(text.substr(0, scheme_end))) != "http") {
      throw HttpError(ErrorKind::usage, "the proxy is not one of http://",
                      "Proxies that are spoken to in TLS or SOCKS are not supported.");
    }
    text.remove_prefix(scheme_end + 3);
  }
  const auto user_end = text.rfind('@');
  HttpProxy proxy;
  if (user_end != std::string_view::npos) {
    proxy.authorization = basic_authorization(std::string(text.substr(0, user_end)));
    text.remove_prefix(user_end + 1);
  }
  try {
    const HttpUrl url = parse_http_url("http://" + std::string(text));
    proxy.host = url.host;
    proxy.port = url.port;
  } catch (const HttpError&) {
    throw HttpError(ErrorKind::usage, "the proxy is not of the form http://HOST:PORT");
  }
  return proxy;
}

bool is_listed(std::string_view no_proxy, const HttpUrl& url) {
  const Poco::StringTokenizer entries(
      std::string(no_proxy), ", \t",
      Poco::StringTokenizer::TOK_IGNORE_EMPTY | Poco::StringTokenizer::TOK_TRIM);
  return std::any_of(entries.begin(), entries.end(),
                     [&](const std::string& entry) { return has_entry(entry, url); });
}

HttpProxies::HttpProxies(const std::optional<std::string>& configured)
    : plain_(proxy_of(configured, "http_proxy")),
      secure_(proxy_of(configured, "https_proxy")),
      no_proxy_(variable("no_proxy").value) {}

const HttpProxy* HttpProxies::for_url(const HttpUrl& url) const {
  const auto& proxy = url.secure ? secure_ : plain_;
  return proxy && !is_listed(no_proxy_, url) ? &*proxy : nullptr;
}

}  // namespace converge::http

#include "src/daemon/host_header.h"

#include <Poco/Net/IPAddress.h>
#include <Poco/String.h>

#include <algorithm>

namespace converge::daemon {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Nothing when the port is none.
std::string without_port(std::string_view header) {
  const auto colon = header.rfind(':');
  const auto bracket = header.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
    return std::string(header);
  }
  return is_number(header.substr(colon + 1)) ? std::string(header.substr(0, colon)) : "";
}

}  // namespace

bool is_expected_host(std::string_view header, bool local, const std::vector<std::string>& names) {
  std::string host = without_port(header);
  const auto is_it = [&](const std::string& name) { return Poco::icompare(name, host) == 0; };
  if (host.empty()) return false;
  if (is_it("localhost") || std::any_of(names.begin(), names.end(), is_it)) return true;
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  Poco::Net::IPAddress address;
  return Poco::Net::IPAddress::tryParse(host, address) && (address.isLoopback() || !local);
}

}  // namespace converge::daemon

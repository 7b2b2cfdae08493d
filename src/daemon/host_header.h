#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace converge::daemon {

/// Whether the value of a Host header, with or without a port, names this server: `localhost`, an
/// address of the loopback network, or one of `names`; any address when other hosts may reach it.
///
/// A web page elsewhere can make its own name mean 127.0.0.1 (DNS rebinding) and would then read
/// what is here, as its browser believes that it is at home. Its name is what gives it away.
bool is_expected_host(std::string_view header, bool local, const std::vector<std::string>& names);

}  // namespace converge::daemon

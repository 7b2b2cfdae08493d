#pragma once

#include <span>
#include <string_view>

namespace converge::updater {

/// Public keys that this binary trusts whatever the configuration says, as `PublicKey::parse` takes
/// them. A build for one company's own use has its keys here, so that no host needs them.
std::span<const std::string_view> release_keys();

}  // namespace converge::updater

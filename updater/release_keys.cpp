#include "updater/release_keys.h"

namespace converge::updater {

std::span<const std::string_view> release_keys() { return {}; }

}  // namespace converge::updater

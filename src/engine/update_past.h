#pragma once

#include "updater/update.h"

#include <filesystem>

namespace converge::engine {

/// What the `update` entries of a journal file tell; empty when there is no journal. Throws
/// `Error{failure}` when it cannot be read.
updater::UpdatePast update_past_in(const std::filesystem::path& journal);

}  // namespace converge::engine

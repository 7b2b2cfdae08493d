#pragma once

#include "updater/publish.h"

#include <string>

namespace converge::cli {

/// What a channel offers in the end, as one JSON object on a line.
std::string published_json(const std::string& action, const std::string& place,
                           const updater::Published& published);

/// The same for people, in a few lines.
std::string published_text(const updater::Published& published);

}  // namespace converge::cli

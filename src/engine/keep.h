#pragma once

#include "src/config/config.h"

#include <optional>
#include <string>

namespace converge::engine {

/// Does what `[journal] keep` asks for: moves entries that are older into
/// `archive/JOURNAL-until-TIME.db` beside the journal, once a day at most, and goes on with what
/// was interrupted. Returns what was done, for people; nullopt: nothing. Throws `Error`; the
/// journal is whole then, and the next call tries again.
std::optional<std::string> keep_journal(const config::Config& config, const std::string& actor);

}  // namespace converge::engine

#pragma once

#include "journal/reader.h"

#include <string>

namespace converge::cli {

/// The subjects of a converger in quarantine as lines for people, at most so many; empty for none.
std::string quarantine_text(const journal::State& state, const std::string& name,
                            std::size_t at_most);

/// The same as a JSON array of objects, all of them.
std::string quarantine_json(const journal::State& state, const std::string& name);

}  // namespace converge::cli

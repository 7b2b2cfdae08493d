#pragma once

#include "journal/reader.h"
#include "src/cli/output.h"
#include "src/engine/condition.h"

#include <string>
#include <string_view>
#include <vector>

namespace converge::cli {

/// How a state is shown.
Style style_of_state(std::string_view state);

/// A time for people, or a dash for 0.
std::string time_or_dash(std::int64_t time_us);

/// What is to be said of a converger that is not simply well, for one line: how it is, why, and the
/// command that resolves it. Empty for one that is well.
std::string notice_of(const std::string& name, const engine::Condition& condition);
/// What is to be said of what it owes, a line each.
std::vector<std::string> notices_of(const std::string& name, const engine::Owing& owing);

/// A converger as an object: name, version, state, schedule (where the settings are known), last
/// pass and correction, what keeps it from being well, and what it owes.
JsonObject converger_json(const std::string& name, const std::string& version,
                          const engine::Settings* settings, const engine::Condition& condition,
                          const journal::State& state);

}  // namespace converge::cli

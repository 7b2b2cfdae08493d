#pragma once

#include "convergers/parameter.h"
#include "src/config/config.h"
#include "src/engine/settings.h"

#include <vector>

namespace converge::convergers {

/// Puts what `[convergers.NAME]` says into the settings and parameters of a converger in C++, each
/// in place of the default. The settings have the names and the syntax that they have in a
/// definition; `none` takes a limit away. Throws `Error{usage}` with file, line and column for an
/// unknown key, a value that is not of its kind, several values where one is due, and a limit
/// together with shards.
void apply_table(const config::ConvergerTable& table, engine::Settings& settings,
                 std::vector<Parameter>& parameters);

}  // namespace converge::convergers

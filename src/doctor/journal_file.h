#pragma once

#include "convergers/registry.h"
#include "src/config/config.h"
#include "src/doctor/finding.h"

#include <cstdint>

namespace converge::doctor {

// Checks of the journal: what can be told without writing to it, and without making it.

/// Whether this user can write it, or make it, and nobody else can read or change it.
Findings check_journal(const config::Config& config);

/// Whether its file system has room for it.
Findings check_space(const config::Config& config);
/// What is to be said of so much free space.
Finding judge_space(const std::string& place, std::uint64_t free_bytes, std::uint64_t free_files);

/// Whether the file is sound, as far as that is seen within seconds.
Findings check_integrity(const config::Config& config);

/// Whether something in it waits for a person, or for the next command that acts: transactions that
/// are not settled, and what is owed outside the database. `registry` may be null.
Findings check_unfinished(const config::Config& config, const convergers::Registry* registry);

}  // namespace converge::doctor

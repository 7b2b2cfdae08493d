#pragma once

#include "src/cli/complete.h"
#include "src/config/config.h"

#include <string>
#include <vector>

namespace converge::cli {

// What this host knows of the values that options take. For completion: whatever cannot be read is
// left out, and nothing is thrown but for want of memory.

/// Those with a definition, those of the binary that are configured, and those of the journal.
std::vector<Completion::Word> known_convergers(const config::Flags& flags);

/// Subjects among the newest entries of the journal, corrected ones and failed ones, whose key
/// begins with `beginning`, the newest first; with their labels. Of one converger, unless
/// `converger` is empty.
std::vector<Completion::Word> recent_subjects(const config::Flags& flags,
                                              const std::string& converger,
                                              const std::string& beginning);

/// Those in quarantine; likewise, those first that are due first.
std::vector<Completion::Word> quarantined_subjects(const config::Flags& flags,
                                                   const std::string& converger,
                                                   const std::string& beginning);

/// Who caused the newest entries of the journal.
std::vector<Completion::Word> recent_actors(const config::Flags& flags);

/// The channels that releases usually go to, and the one that this host follows.
std::vector<Completion::Word> known_channels(const config::Flags& flags);

/// The digests of what limits hold; of one converger, unless that is empty.
std::vector<Completion::Word> held_digests(const config::Flags& flags,
                                           const std::string& converger);

}  // namespace converge::cli

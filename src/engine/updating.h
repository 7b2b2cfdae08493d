#pragma once

#include "journal/journal.h"
#include "src/config/config.h"
#include "updater/update.h"

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

namespace converge::engine {

// Updater, journal and configuration brought together, for commands and the daemon alike.

/// The keys of the configuration and those of the binary. Throws `Error{usage}` with the place of
/// one that is none.
std::vector<updater::PublicKey> trusted_keys(const config::Config& config);

/// Throws `Error{usage}` that says what is missing, unless there are a base URL and a key.
void require_update_source(const config::Config& config);

/// Of this process's build, which must be what is installed. Throws as `trusted_keys`.
updater::UpdaterOptions updater_options(const config::Config& config);

journal::UpdateEvent update_event(const updater::UpdateNote& note);
std::map<std::string, journal::UpdateSeen> update_seen(
    const std::map<std::string, updater::Floors>& floors);
/// What the journal file remembers of channels; empty when there is no journal. Throws
/// `Error{failure}` when it cannot be read.
std::map<std::string, updater::Floors> floors_in(const std::filesystem::path& journal);

/// Hooks that write into a journal, which is asked for when there is something to write, and that
/// try a new build with `try_out`. `broken` gives the definitions that are broken as it is. Once
/// `stop` is requested, a download or a try ends with `Error{transient}`.
updater::UpdaterHooks updater_hooks(const config::Config& config,
                                    std::function<journal::Journal&()> journal,
                                    std::function<std::vector<std::string>()> broken,
                                    std::stop_token stop = {});

/// Tries a build before it is put in: it has to verify the release, read the configuration and the
/// definitions as well as this build does, and migrate and write a copy of the journal, which this
/// build must then still be able to write: else there would be no way back. Throws
/// `Error{failure}`, or `Error{transient}` soon after `stop` is requested; either way the copy
/// goes.
void try_out(const config::Config& config, const updater::SignedRelease& release,
             const std::filesystem::path& staged, const std::vector<std::string>& broken,
             const std::stop_token& stop = {});

}  // namespace converge::engine

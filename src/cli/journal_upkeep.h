#pragma once

#include "src/cli/command.h"

#include <filesystem>
#include <functional>
#include <optional>

namespace converge::cli {

/// Adds `head`, `export`, `prune`, `backup`, `redact` and `settle` to the command `journal`.
/// Returns what runs the one that was parsed: the exit status; nullopt when none of them was.
std::function<std::optional<int>()> add_journal_upkeep(CLI::App& app, const Common& common);

/// Says on standard error how far back a journal is complete and where the older entries are; says
/// nothing when all entries are there.
void tell_what_was_pruned(const std::filesystem::path& journal);

}  // namespace converge::cli

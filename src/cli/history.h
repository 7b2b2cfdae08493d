#pragma once

#include "journal/reader.h"
#include "src/cli/output.h"

#include <filesystem>
#include <string>
#include <vector>

namespace converge::cli {

/// An entry as one row of a table for people: time, converger, subject, what happened, outcome.
std::vector<Table::Cell> describe_entry(const journal::StoredEntry& entry);

/// How an outcome is shown: good, bad, or neither.
Style style_of(journal::Outcome outcome);

/// An entry with all that its detail says, on several lines, for people.
std::string entry_full(const journal::StoredEntry& entry);

/// An entry as an object on one line. Members, where they apply: seq, time, kind, hash, pass,
/// converger, version, actor, build, txn, subject, label, count, outcome, and those of its detail
/// (of an update, under `update`).
std::string entry_json(const journal::StoredEntry& entry);

/// The steps of an inconsistency, each as an entry of its own: a row of a table, an object on a
/// line with `kind` `step` and the step's title, count and changes. Nothing for other entries.
std::vector<std::vector<Table::Cell>> describe_steps(const journal::StoredEntry& entry);
std::string steps_json(const journal::StoredEntry& entry);

/// What the journal remembers of the convergers; empty when there is no journal yet.
journal::State remember(const std::filesystem::path& journal);

}  // namespace converge::cli

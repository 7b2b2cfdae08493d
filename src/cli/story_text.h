#pragma once

#include "journal/story.h"

#include <optional>
#include <string>
#include <string_view>

namespace converge::cli {

/// What a story comes to, for people: who it is about, how often corrected and by whom, first and
/// last, whether it ever failed.
std::string summary_text(std::string_view subject, const journal::StorySummary& summary);

/// One entry of a story for people: when, by which converger and version, how it ended; what
/// happened, with the changed rows; who caused it. Rows and long values are cut unless `verbose`.
/// Its label is shown where it is another than `label`, that of the whole story.
std::string story_text(const journal::StoryEntry& story, const std::optional<std::string>& label,
                       bool verbose);

/// The same entry as an object on one line: the members of `entry_json` and, where they apply,
/// `occurrence` and `previous` (a committed correction: the how-manieth by its converger, and the
/// time of the one before), `trigger`, `xid`, `settled` (who told the outcome: `seq, time, actor`
/// and the members of its detail), `redacted` (who erased the detail: the same), and `definition`.
std::string story_json(const journal::StoryEntry& story,
                       const std::optional<std::string>& definition);

/// The text of a definition, line by line.
std::string definition_text(const journal::DefinitionId& id, std::string_view text);

}  // namespace converge::cli

#pragma once

#include "journal/journal.h"

#include <string>
#include <string_view>

namespace converge::cli {

/// The steps in an inconsistency's detail for one line: `archive clusters 3, revoke api keys 2`;
/// and those outside the database, with what they send: `tell the owner: POST http://…`.
std::string summarize_steps(std::string_view detail);

/// What a person does about a hold.
std::string how_to_release(const journal::Hold& hold);

/// A subject for one line: `42 (alice@example.com)`, with what a terminal must not obey escaped.
std::string name_subject(std::string_view subject, std::string_view label);

}  // namespace converge::cli

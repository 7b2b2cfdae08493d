#pragma once

#include "convergers/outside_section.h"
#include "src/engine/settings.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// One SQL statement of a definition and where it stands.
struct Statement {
  std::string title;  ///< Of a step; empty for find.
  std::string sql;    ///< Without the final semicolon; inner comments kept, line breaks as written.
  int line = 1;       ///< Of the first character of `sql`, 1-based.
  int column = 1;     ///< In bytes, 1-based.
};

/// A converger file, parsed. Nothing has been asked of a server.
struct Definition {
  std::string name;  ///< The file's name without `.sql`.
  std::filesystem::path path;
  std::string text;         ///< The whole file.
  std::string version;      ///< SHA-256 of `text`, hexadecimal.
  std::string description;  ///< Comment text before the first directive.
  std::string runbook;      ///< The block under `operator:`, without its common indentation.
  engine::Settings settings;
  Statement find;
  std::vector<Statement> steps;         ///< Those in SQL.
  std::vector<OutsideSection> outside;  ///< Those outside the database.
};

/// Parses the text of NAME.sql. Throws `Error{usage}` whose message is
/// `PATH:LINE:COLUMN: what is wrong`, followed by the line itself and a caret under the column,
/// each on a line of its own; the hint says what to do. `path` is used for its name and in
/// messages.
Definition parse_definition(const std::filesystem::path& path, std::string_view text);

/// Throws the same for a step outside the database that would never act: for changed subjects,
/// where no step in SQL stands above it.
void require_acting(const Definition& definition);

/// Reads and parses a file that must be trusted (`require_trusted`), and requires that it acts.
Definition load_definition(const std::filesystem::path& path);

}  // namespace converge::convergers

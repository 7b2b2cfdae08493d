#pragma once

#include "convergers/directive.h"
#include "convergers/source_text.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// What a step does for a subject: in a test file, what it is expected to do.
struct Expectation {
  std::string subject;
  std::string kind;          ///< `step`, or of a step outside the database `http` or `exec`.
  std::string title;         ///< Of the step.
  std::int64_t changes = 0;  ///< Of a `step`; of the others the next two.
  std::string request;       ///< What would be sent, as `OutsideStep::describe` says.
  std::optional<std::string> full_text;  ///< As `OutsideStep::full_text` says; absent: any.
  std::size_t title_offset = 0;          ///< In the file.
  int line = 0;                          ///< In the file.

  bool is_of_same_step(const Expectation& other) const;
};

/// As a test file has it: `subject 1, step archive clusters, 2 changes`. Without `full_text`.
std::string text_of(const Expectation& expectation);

/// A key or a title as it stands there: in quotes where it needs them.
std::string name_text(const std::string& name);

/// Reads the value of `-- expect:`, but for `nothing`. Throws the source's error.
Expectation read_expectation(const SourceText& source, const Directive& directive);

/// The cells of a row; absent where null.
using Row = std::vector<std::optional<std::string>>;

/// As a test file has it: `1 | archived | null`. What cannot stand there as it is has quotes.
std::string text_of(const Row& row);

/// Reads a row from one line, which is part of the source. Throws the source's error.
Row read_row(const SourceText& source, std::string_view line);

}  // namespace converge::convergers

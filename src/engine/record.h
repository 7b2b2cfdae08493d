#pragma once

#include "journal/entry.h"
#include "src/base/error.h"
#include "src/engine/converger.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::engine {

/// What stands in front of a value that is kept as a keyed hash only.
inline constexpr std::string_view kRedacted = "redacted:";

/// How values become part of the journal.
class Recorder {
 public:
  /// `redaction_key` is for the columns that `redact` names; without one nothing is redacted, as in
  /// a plan, which is not kept.
  Recorder(const Converger& converger, std::optional<std::string> redaction_key);

  /// One record for each subject that a step changed, in the order of the subjects. Throws
  /// `Error{failure}` when a step returned a null key, or one that find did not return.
  std::vector<journal::Inconsistency> record(const Subjects& subjects,
                                             const std::vector<StepChanges>& changes) const;

  /// The label of a subject as the journal may keep it.
  std::optional<std::string> label(const Subjects& subjects, std::size_t row) const;

  /// Names a row with all its columns, keyed when any of them is redacted; empty when only some of
  /// the columns are known.
  std::string row_digest(const Subjects& subjects, std::size_t row) const;

  /// An error's message as the journal may keep it: without what may quote a value when the
  /// definition redacts any column.
  std::string message(const Error& error) const;

 private:
  class StepWriter;

  bool is_redacted(std::string_view column) const;
  std::string redacted(std::string_view value) const;
  void append_value(std::string& json, const postgres::Rows& rows, std::size_t row,
                    std::size_t column, bool hide) const;

  std::vector<std::string> redact_;
  std::optional<std::string> redaction_key_;
  std::optional<std::size_t> label_column_;
  std::size_t width_ = 0;
};

/// Rows of one step that are kept with an inconsistency; the count is exact all the same.
inline constexpr std::int64_t kChangesKept = 100;

}  // namespace converge::engine

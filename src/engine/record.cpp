#include "src/engine/record.h"

#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/postgres/session.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>
#include <span>
#include <unordered_map>

namespace converge::engine {

namespace {

using Rows = postgres::Rows;

[[noreturn]] void throw_bad_key(const StepChanges& step, std::optional<std::string_view> key) {
  const std::string what = key ? fmt::format("the key {}, which find did not", printable(*key))
                               : std::string("a null key");
  throw Error(
      ErrorKind::failure, fmt::format("step {} returned {}", step.title, what),
      "Return the subject's key first (`returning subject.id, ...`), and change only rows that "
      "belong to a subject.");
}

/// Whether PostgreSQL's words for such an error, without their detail, name objects only:
/// connection, transaction, syntax or right, resources, locks, intervention (its manual, appendix
/// A).
bool quotes_no_value(std::string_view sqlstate) {
  constexpr std::array<std::string_view, 9> kClasses = {"08", "25", "40", "42", "53",
                                                        "54", "55", "57", "58"};
  return std::find(kClasses.begin(), kClasses.end(), sqlstate.substr(0, 2)) != kClasses.end();
}

/// The rows of one step, brought together by the subjects that they belong to, each subject's in
/// their own order.
class ChangesBySubject {
 public:
  ChangesBySubject(const StepChanges& step, const Subjects& subjects)
      : begins_(subjects.size() + 1, 0), rows_(step.rows.size()) {
    std::vector<std::size_t> owners;
    owners.reserve(rows_.size());
    Owner owner(subjects);
    for (std::size_t row = 0; row < rows_.size(); ++row) {
      const auto key = step.rows.at(row, 0);
      const auto subject = key ? owner.find(*key) : std::nullopt;
      if (!subject) throw_bad_key(step, key);
      owners.push_back(*subject);
      ++begins_[*subject + 1];
    }
    std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
    std::vector<std::size_t> ends(begins_.begin(), begins_.end() - 1);
    for (std::size_t row = 0; row < rows_.size(); ++row) rows_[ends[owners[row]]++] = row;
  }

  std::span<const std::size_t> of(std::size_t subject) const {
    return std::span(rows_).subspan(begins_[subject], begins_[subject + 1] - begins_[subject]);
  }

 private:
  /// Which subject a key is. Rows mostly come in the order of the subjects: then the next is near.
  class Owner {
   public:
    explicit Owner(const Subjects& subjects) : subjects_(subjects) {}

    std::optional<std::size_t> find(std::string_view key) {
      for (const std::size_t near : {last_, last_ + 1}) {
        if (near < subjects_.size() && subjects_.key(near) == key) return last_ = near;
      }
      if (index_.empty()) {
        index_.reserve(subjects_.size());
        for (std::size_t i = 0; i < subjects_.size(); ++i) index_.emplace(subjects_.key(i), i);
      }
      const auto found = index_.find(key);
      if (found == index_.end()) return std::nullopt;
      return last_ = found->second;
    }

   private:
    const Subjects& subjects_;
    std::size_t last_ = 0;
    std::unordered_map<std::string_view, std::size_t> index_;
  };

  std::vector<std::size_t> begins_;  ///< By subject, and the end of the last: in `rows_`.
  std::vector<std::size_t> rows_;
};

}  // namespace

Recorder::Recorder(const Converger& converger, std::optional<std::string> redaction_key)
    : redact_(converger.profile().settings.redact), redaction_key_(std::move(redaction_key)) {
  const auto& columns = converger.columns();
  const auto label = std::find(columns.begin(), columns.end(), "label");
  width_ = columns.size();
  if (label != columns.end()) label_column_ = static_cast<std::size_t>(label - columns.begin());
}

bool Recorder::is_redacted(std::string_view column) const {
  return redaction_key_ && std::find(redact_.begin(), redact_.end(), column) != redact_.end();
}

std::string Recorder::redacted(std::string_view value) const {
  return std::string(kRedacted) + hex(hmac_sha256(*redaction_key_, value)).substr(0, 32);
}

std::optional<std::string> Recorder::label(const Subjects& subjects, std::size_t row) const {
  if (!label_column_ || *label_column_ >= subjects.width()) return std::nullopt;
  const auto value = subjects.cell(row, *label_column_);
  if (!value) return std::nullopt;
  return is_redacted("label") ? redacted(*value) : std::string(*value);
}

std::string Recorder::row_digest(const Subjects& subjects, std::size_t row) const {
  if (subjects.width() != width_) return {};
  const std::string bytes = subjects.slice(row, row + 1).encode();
  return redaction_key_ ? redacted(bytes) : hex(sha256(bytes));
}

std::string Recorder::message(const Error& error) const {
  std::string text = error.what();
  if (redact_.empty() || error.sqlstate().empty()) return text;
  if (quotes_no_value(error.sqlstate())) return text.substr(0, text.find(postgres::kDetailMark));
  return text.substr(0, text.find(": ")) + ": the message is withheld, as it may quote a value";
}

void Recorder::append_value(std::string& json, const Rows& rows, std::size_t row,
                            std::size_t column, bool hide) const {
  const auto value = rows.at(row, column);
  if (!value) {
    json += "null";
    return;
  }
  if (hide) {
    append_json_string(json, redacted(*value));
    return;
  }
  switch (rows.type(column)) {
    case postgres::kInt2:
    case postgres::kInt4:
    case postgres::kInt8:
      json += *value;
      break;
    case postgres::kBool:
      json += *value == "t" ? "true" : "false";
      break;
    default:
      append_json_string(json, *value);
  }
}

/// Writes the changes of one step to one subject.
class Recorder::StepWriter {
 public:
  StepWriter(const Recorder& recorder, const StepChanges& step, const Subjects& subjects)
      : recorder_(recorder),
        step_(step.rows),
        changes_(step, subjects),
        title_(R"({"title":)" + json_string(step.title) +
               (step.after.empty() ? "" : R"(,"after":)" + json_string(step.after)) +
               R"(,"count":)") {
    for (std::size_t column = 1; column < step_.width(); ++column) {
      columns_.push_back({.name = (column == 1 ? "{" : ",") + json_string(step_.name(column)) + ":",
                          .hidden = recorder.is_redacted(step_.name(column))});
    }
  }

  /// Appends nothing when there were none; how many there were.
  std::int64_t append(std::string& steps, std::size_t subject) const {
    const auto rows = changes_.of(subject);
    if (rows.empty()) return 0;
    if (!steps.empty()) steps += ',';
    steps += title_;
    fmt::format_to(std::back_inserter(steps), R"({},"changes":[)", rows.size());
    const std::size_t kept = std::min<std::size_t>(rows.size(), kChangesKept);
    for (std::size_t i = 0; i < kept; ++i) {
      if (i > 0) steps += ',';
      append_row(steps, rows[i]);
    }
    steps += "]}";
    return static_cast<std::int64_t>(rows.size());
  }

 private:
  struct Column {
    std::string name;  ///< As JSON, with what goes before and after.
    bool hidden;
  };

  void append_row(std::string& json, std::size_t row) const {
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      json += columns_[column].name;
      recorder_.append_value(json, step_, row, column + 1, columns_[column].hidden);
    }
    json += columns_.empty() ? "{}" : "}";
  }

  const Recorder& recorder_;
  const Rows& step_;
  ChangesBySubject changes_;
  std::string title_;
  std::vector<Column> columns_;
};

std::vector<journal::Inconsistency> Recorder::record(
    const Subjects& subjects, const std::vector<StepChanges>& changes) const {
  std::vector<StepWriter> steps;
  steps.reserve(changes.size());
  for (const StepChanges& step : changes) steps.emplace_back(*this, step, subjects);

  std::vector<journal::Inconsistency> records;
  std::string written;
  for (std::size_t subject = 0; subject < subjects.size(); ++subject) {
    written.clear();
    std::int64_t count = 0;
    for (const StepWriter& step : steps) count += step.append(written, subject);
    if (count == 0) continue;
    records.push_back({.subject = std::string(subjects.key(subject)),
                       .label = label(subjects, subject),
                       .count = count,
                       .detail = R"({"steps":[)" + written + "]}"});
  }
  return records;
}

}  // namespace converge::engine

#include "src/engine/record.h"

#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/postgres/session.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <unordered_map>

namespace converge::engine {

namespace {

using Rows = postgres::Rows;

/// What the steps did to one subject, while it is put together.
struct Draft {
  std::string steps;
  std::string changes;
  std::int64_t count = 0;
  std::int64_t step_count = 0;
};

[[noreturn]] void throw_bad_key(const StepChanges& step, std::optional<std::string_view> key) {
  const std::string what = key ? fmt::format("the key {}, which find did not", printable(*key))
                               : std::string("a null key");
  throw Error(ErrorKind::failure, fmt::format("step {} returned {}", step.title, what),
              "Return the subject's key first (`returning subject.…`), and change only rows that "
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

void close_step(Draft& draft, const std::string& title) {
  if (draft.step_count == 0) return;
  draft.steps += draft.steps.empty() ? R"({"steps":[)" : ",";
  draft.steps += R"({"title":)";
  append_json_string(draft.steps, title);
  draft.steps += fmt::format(R"(,"count":{},"changes":[{}]}})", draft.step_count, draft.changes);
  draft.count += draft.step_count;
  draft.step_count = 0;
  draft.changes.clear();
}

}  // namespace

Recorder::Recorder(const Converger& converger, std::optional<std::string> redaction_key)
    : redact_(converger.profile().settings.redact), redaction_key_(std::move(redaction_key)) {
  const auto& columns = converger.columns();
  const auto label = std::find(columns.begin(), columns.end(), "label");
  if (label != columns.end()) label_column_ = static_cast<std::size_t>(label - columns.begin());
}

bool Recorder::is_redacted(std::string_view column) const {
  return redaction_key_ && std::find(redact_.begin(), redact_.end(), column) != redact_.end();
}

std::string Recorder::redacted(std::string_view value) const {
  return "redacted:" + hex(hmac_sha256(*redaction_key_, value)).substr(0, 32);
}

std::optional<std::string> Recorder::label(const Subjects& subjects, std::size_t row) const {
  if (!label_column_ || *label_column_ >= subjects.width()) return std::nullopt;
  const auto value = subjects.cell(row, *label_column_);
  if (!value) return std::nullopt;
  return is_redacted("label") ? redacted(*value) : std::string(*value);
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

std::vector<journal::Inconsistency> Recorder::record(
    const Subjects& subjects, const std::vector<StepChanges>& changes) const {
  std::unordered_map<std::string_view, std::size_t> index;
  index.reserve(subjects.size());
  for (std::size_t row = 0; row < subjects.size(); ++row) index.emplace(subjects.key(row), row);

  std::vector<Draft> drafts(subjects.size());
  for (const StepChanges& step : changes) {
    const Rows& rows = step.rows;
    std::vector<std::string> names;  // `"name":`, and whether the value is to be hidden.
    std::vector<bool> hidden;
    for (std::size_t column = 1; column < rows.width(); ++column) {
      names.push_back(json_string(rows.name(column)) + ":");
      hidden.push_back(is_redacted(rows.name(column)));
    }
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const auto key = rows.at(row, 0);
      const auto found = key ? index.find(*key) : index.end();
      if (found == index.end()) throw_bad_key(step, key);
      Draft& draft = drafts[found->second];
      if (++draft.step_count > kChangesKept) continue;
      draft.changes += draft.step_count == 1 ? "{" : ",{";
      for (std::size_t column = 1; column < rows.width(); ++column) {
        if (column > 1) draft.changes += ',';
        draft.changes += names[column - 1];
        append_value(draft.changes, rows, row, column, hidden[column - 1]);
      }
      draft.changes += '}';
    }
    for (Draft& draft : drafts) close_step(draft, step.title);
  }

  std::vector<journal::Inconsistency> records;
  for (std::size_t row = 0; row < drafts.size(); ++row) {
    Draft& draft = drafts[row];
    if (draft.count == 0) continue;
    records.push_back({.subject = std::string(subjects.key(row)),
                       .label = label(subjects, row),
                       .count = draft.count,
                       .detail = std::move(draft.steps) + "]}"});
  }
  return records;
}

}  // namespace converge::engine

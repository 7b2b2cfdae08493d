#include "convergers/code_converger.h"

#include "convergers/code_settings.h"
#include "convergers/plan_warnings.h"
#include "convergers/statement_error.h"
#include "convergers/subject_use.h"
#include "convergers/wake_trigger.h"
#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/version.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>

namespace converge::convergers {

namespace {

Code in_force(Code code, const config::ConvergerTable* table) {
  if (table != nullptr) apply_table(*table, code.settings, code.parameters);
  code.find = with_parameters(code.find, code.parameters);
  for (CodeStatement& statement : code.statements) {
    statement.sql = with_parameters(statement.sql, code.parameters);
  }
  return code;
}

std::string commented(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    lines += fmt::format("--{}{}\n", line.empty() ? "" : " ", line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

/// Reads as a definition does.
std::string text_of(const Code& code) {
  std::string text = commented(code.description) + "--\n";
  text += fmt::format("-- {} is written in C++: build {}, commit {}.\n--\n", code.name,
                      build_number(), build_commit());
  for (const auto& [name, value] : setting_texts(code.settings)) {
    text += fmt::format("-- {}: {}\n", name, value);
  }
  for (const Parameter& parameter : code.parameters) {
    text += fmt::format("-- {}: {}\n", parameter.name, parameter.value);
  }
  text += fmt::format("\n-- find:\n{};\n", code.find);
  for (const CodeStatement& statement : code.statements) {
    text += fmt::format("\n-- statement: {}\n{};\n", statement.name, statement.sql);
  }
  for (const std::string& step : code.steps) text += fmt::format("\n-- step: {}\n", step);
  return text;
}

engine::Profile make_profile(const Code& code) {
  const std::string text = text_of(code);
  return {.name = code.name,
          .version = hex(sha256(text)),
          .text = text,
          .description = code.description,
          .runbook = code.runbook,
          .path = {},
          .settings = code.settings,
          .steps = code.steps};
}

/// As it is told in messages: it stands in no file.
Statement unplaced(std::string_view title, const std::string& sql) {
  return {.title = std::string(title), .sql = sql, .line = 0, .column = 0};
}

}  // namespace

CodeConverger::CodeConverger(Code code, const config::ConvergerTable* table)
    : CodeConverger(convergers::in_force(std::move(code), table)) {}

CodeConverger::CodeConverger(Code in_force)
    : FoundByQuery(in_force.name, unplaced("", in_force.find)),
      code_(std::move(in_force)),
      profile_(make_profile(code_)) {}

std::unique_ptr<Defined> CodeConverger::another() const {
  return std::make_unique<CodeConverger>(code_, nullptr);
}

std::string CodeConverger::trigger_to_wake() const {
  return wake_trigger({.name = code_.name,
                       .path = {},
                       .text = {},
                       .version = {},
                       .description = {},
                       .runbook = code_.runbook,
                       .settings = code_.settings,
                       .find = find_.statement(),
                       .steps = {},
                       .outside = {}});
}

std::vector<std::string> CodeConverger::plan_warnings(postgres::Session& session) const {
  std::vector<PlannedStatement> statements{{.what = code_.name + ": find", .sql = find_.listing()}};
  for (std::size_t i = 0; i < code_.statements.size(); ++i) {
    statements.push_back(
        {.what = fmt::format("{}: statement {}", code_.name, code_.statements[i].name),
         .sql = execute_with_nulls(session, prepared_name(i))});
  }
  return warnings_of_scans(session, statements);
}

std::string CodeConverger::prepared_name(std::size_t statement) const {
  return find_.statement_name(fmt::format("code{}", statement));
}

std::string CodeConverger::query(std::size_t statement) const {
  const CodeStatement& one = code_.statements[statement];
  if (one.has_parameters) return one.sql;
  return with_relation(one.sql, find_.subject_relation(columns_of_[statement]));
}

void CodeConverger::inspect(postgres::Session& session) {
  std::vector<postgres::ColumnInfo> returned = find_.inspect(session);
  std::vector<std::string_view> readers;
  for (const CodeStatement& statement : code_.statements) {
    if (!statement.has_parameters) readers.emplace_back(statement.sql);
  }
  find_.list_only_for(readers);
  columns_of_.clear();
  for (std::size_t i = 0; i < code_.statements.size(); ++i) {
    const CodeStatement& statement = code_.statements[i];
    columns_of_.push_back(find_.columns_for(statement.sql));
    const Statement told = unplaced(statement.name, statement.sql);
    const auto columns = located(code_.name, told, [&] { return session.describe(query(i)); });
    assert(!columns.empty());  // Its changes could not be recorded.
    returned.insert(returned.end(), columns.begin(), columns.end());
  }
  find_.require_redactable(profile_.settings.redact, returned);
  find_.name_statements(profile_, returned);
}

void CodeConverger::prepare(postgres::Session& session) const {
  find_.prepare(session);
  for (std::size_t i = 0; i < code_.statements.size(); ++i) {
    const CodeStatement& statement = code_.statements[i];
    located(code_.name, unplaced(statement.name, statement.sql),
            [&] { session.prepare(prepared_name(i), query(i)); });
  }
}

postgres::Rows CodeConverger::run(postgres::Transaction& transaction,
                                  const engine::Subjects& subjects, std::string_view statement,
                                  std::vector<std::string> parameters) const {
  const auto found = std::find_if(code_.statements.begin(), code_.statements.end(),
                                  [&](const auto& one) { return one.name == statement; });
  assert(found != code_.statements.end());
  const auto place = static_cast<std::size_t>(found - code_.statements.begin());
  if (!found->has_parameters) {
    for (const std::size_t column : columns_of_[place]) {
      parameters.push_back(subjects.array(column));
    }
  }
  std::vector<postgres::Call> calls;
  calls.push_back({.statement = prepared_name(place),
                   .parameters = std::move(parameters),
                   .what = "step " + found->name});
  return transaction.execute_all(std::move(calls)).front();
}

std::vector<engine::StepChanges> CodeConverger::converge(
    postgres::Transaction& transaction, const engine::Subjects& subjects,
    [[maybe_unused]] engine::StepRange steps) const {
  assert(steps.first == 0 && steps.end == code_.steps.size());
  auto rows = code_.converge(
      {.subjects = subjects, .run = [&](std::string_view statement, auto parameters) {
         return run(transaction, subjects, statement, std::move(parameters));
       }});
  assert(rows.size() == code_.steps.size());
  std::vector<engine::StepChanges> changes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    changes.push_back({code_.steps[i], std::move(rows[i])});
  }
  return changes;
}

}  // namespace converge::convergers

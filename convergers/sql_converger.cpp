#include "convergers/sql_converger.h"

#include "convergers/plan_warnings.h"
#include "convergers/statement_error.h"
#include "convergers/subject_use.h"
#include "convergers/wake_trigger.h"
#include "src/base/error.h"

#include <fmt/core.h>

#include <algorithm>

namespace converge::convergers {

namespace {

engine::Profile make_profile(const Definition& definition) {
  engine::Profile profile{.name = definition.name,
                          .version = definition.version,
                          .text = definition.text,
                          .description = definition.description,
                          .runbook = definition.runbook,
                          .path = definition.path,
                          .settings = definition.settings,
                          .steps = {}};
  for (const Statement& step : definition.steps) profile.steps.push_back(step.title);
  return profile;
}

}  // namespace

SqlConverger::SqlConverger(Definition definition,
                           std::vector<std::unique_ptr<const engine::OutsideStep>> outside)
    : FoundByQuery(definition.path, definition.find),
      definition_(std::move(definition)),
      profile_(make_profile(definition_)),
      outside_(std::make_shared<const std::vector<std::unique_ptr<const engine::OutsideStep>>>(
          std::move(outside))) {}

std::unique_ptr<Defined> SqlConverger::another() const {
  auto another = std::make_unique<SqlConverger>(definition_);
  another->outside_ = outside_;
  return another;
}

std::string SqlConverger::trigger_to_wake() const { return wake_trigger(definition_); }

std::string SqlConverger::step_query(std::size_t step) const {
  return with_relation(definition_.steps[step].sql, find_.subject_relation(step_columns_[step]));
}

void SqlConverger::inspect(postgres::Session& session) {
  std::vector<postgres::ColumnInfo> returned = find_.inspect(session);
  learn_step_columns();
  for (std::size_t step = 0; step < definition_.steps.size(); ++step) {
    inspect_step(session, step, returned);
  }
  find_.require_redactable(profile_.settings.redact, returned);
  for (const auto& step : *outside_) step->require(columns());
  find_.name_statements(profile_, returned);
}

void SqlConverger::learn_step_columns() {
  std::vector<std::string_view> steps;
  for (const Statement& step : definition_.steps) steps.emplace_back(step.sql);
  if (outside_->empty()) find_.list_only_for(steps);  // The others are given whole subjects.
  step_columns_.clear();
  for (const auto& step : steps) step_columns_.push_back(find_.columns_for(step));
}

void SqlConverger::inspect_step(postgres::Session& session, std::size_t step,
                                std::vector<postgres::ColumnInfo>& returned) const {
  const Statement& statement = definition_.steps[step];
  const auto columns =
      located(definition_.path, statement, [&] { return session.describe(step_query(step)); });
  const auto refuse = [&](const std::string& what) {
    throw at_statement(Error(ErrorKind::failure, what,
                             "End the step with `returning subject.KEY, ...`: the journal records "
                             "a change by the rows that the step returns."),
                       definition_.path, statement);
  };
  if (columns.empty()) refuse("it returns no columns, so its changes could not be recorded");
  if (const auto problem = find_.key_problem(session, columns.front())) refuse(*problem);
  returned.insert(returned.end(), columns.begin(), columns.end());
}

void SqlConverger::prepare(postgres::Session& session) const {
  find_.prepare(session);
  for (std::size_t step = 0; step < definition_.steps.size(); ++step) prepare_step(session, step);
}

void SqlConverger::prepare_step(postgres::Session& session, std::size_t step) const {
  located(definition_.path, definition_.steps[step],
          [&] { session.prepare(statement_of(step), step_query(step)); });
}

std::string SqlConverger::statement_of(std::size_t step) const {
  return find_.statement_name(fmt::format("step{}", step));
}

std::vector<postgres::Call> SqlConverger::step_calls(const engine::Subjects& subjects,
                                                     engine::StepRange steps) const {
  std::vector<std::string> arrays(columns().size());
  std::vector<postgres::Call> calls;
  for (std::size_t step = steps.first; step < steps.end; ++step) {
    postgres::Call call{.statement = statement_of(step),
                        .parameters = {},
                        .what = "step " + definition_.steps[step].title};
    for (const std::size_t column : step_columns_[step]) {
      if (arrays[column].empty()) arrays[column] = subjects.array(column);
      call.parameters.push_back(arrays[column]);
    }
    calls.push_back(std::move(call));
  }
  return calls;
}

std::vector<engine::StepChanges> SqlConverger::converge(postgres::Transaction& transaction,
                                                        const engine::Subjects& subjects,
                                                        engine::StepRange steps) const {
  return step_changes(transaction.execute_all(step_calls(subjects, steps)), steps.first);
}

std::vector<engine::StepChanges> SqlConverger::step_changes(std::vector<postgres::Rows> rows,
                                                            std::size_t first) const {
  std::vector<engine::StepChanges> changes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    changes.push_back({definition_.steps[first + i].title, std::move(rows[i])});
  }
  return changes;
}

std::optional<engine::Converged> SqlConverger::find_and_converge(
    postgres::Transaction& transaction, const engine::Subjects& keys) const {
  const auto needs_key_alone = [](const auto& columns) { return columns.size() == 1; };
  if (!std::all_of(step_columns_.begin(), step_columns_.end(), needs_key_alone)) return {};
  auto calls = step_calls(keys, all_steps());
  calls.insert(calls.begin(), find_.find_again_call(keys));
  auto rows = transaction.execute_all(std::move(calls));
  engine::Subjects found(rows.front());
  rows.erase(rows.begin());
  return engine::Converged{.subjects = std::move(found),
                           .changes = step_changes(std::move(rows), 0)};
}

bool SqlConverger::is_right(postgres::Session& session, const engine::Subjects& subjects,
                            engine::StepRange steps) const {
  postgres::Transaction transaction(session);
  const auto results = transaction.execute_all_and_roll_back(step_calls(subjects, steps));
  return std::all_of(results.begin(), results.end(), [](const auto& rows) { return rows.empty(); });
}

std::vector<std::string> SqlConverger::plan_warnings(postgres::Session& session) const {
  const auto called = [&](const Statement& statement, const std::string& what) {
    return fmt::format("{}:{}: {}", definition_.path.string(), statement.line, what);
  };
  std::vector<PlannedStatement> statements{
      {.what = called(definition_.find, "find"), .sql = find_.listing()}};
  for (std::size_t step = 0; step < definition_.steps.size(); ++step) {
    const Statement& statement = definition_.steps[step];
    statements.push_back({.what = called(statement, "step " + statement.title),
                          .sql = execute_with_nulls(session, statement_of(step))});
  }
  return warnings_of_scans(session, statements);
}

}  // namespace converge::convergers

#include "convergers/sql_converger.h"

#include "convergers/sql_lexer.h"
#include "convergers/subject_use.h"
#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace converge::convergers {

namespace {

/// The server counts lines from the first of the statement; the reader counts them in the file.
Error in_file(const Error& error, const Definition& definition, const Statement& statement) {
  std::string message = error.what();
  int line = statement.line;
  unsigned long offset = 0;
  if (message.starts_with("line ")) {
    const auto colon = message.find(": ");
    offset = std::stoul(message.substr(5, colon - 5));
    line += static_cast<int>(offset) - 1;
    message.erase(0, colon + 2);
  }
  const std::string what = statement.title.empty() ? "find" : "step " + statement.title;
  return {error.kind(), fmt::format("{}:{}: {}: {}", definition.path.string(), line, what, message),
          error.hint(), error.sqlstate()};
}

template <typename Call>
auto located(const Definition& definition, const Statement& statement, const Call& call) {
  try {
    return call();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::failure || error.sqlstate().empty()) throw;
    throw in_file(error, definition, statement);
  }
}

/// The name of what failed in front, for an error of a running pass.
template <typename Call>
auto named(const std::string& what, const Call& call) {
  try {
    return call();
  } catch (const Error& error) {
    throw error.within(what);
  }
}

/// The condition that a key, an expression, belongs to the shards.
std::string is_in(const engine::Shards& shards, const std::string& key) {
  return fmt::format("((hashtextextended(({})::text, 0) % {} + {}) % {}) in ({})", key, shards.of,
                     shards.of, shards.of, fmt::join(shards.mine, ", "));
}

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
    : definition_(std::move(definition)),
      profile_(make_profile(definition_)),
      outside_(std::make_shared<const std::vector<std::unique_ptr<const engine::OutsideStep>>>(
          std::move(outside))) {}

/// The statement's own line breaks stay; the closing parenthesis stands on a new line, as the
/// statement may end in a comment.
std::string SqlConverger::find_query(std::size_t columns, std::string_view condition) const {
  std::string list;
  for (std::size_t column = 0; column < columns; ++column) {
    list += (column == 0 ? "" : ", ") + postgres::quote_name(columns_[column]);
  }
  return fmt::format("select {} from ({}\n) converge_find {}", list, definition_.find.sql,
                     condition);
}

std::string SqlConverger::subject_relation(const std::vector<std::size_t>& columns) const {
  std::vector<std::string> names;
  std::vector<std::string> arrays;
  std::vector<std::string> elements;
  std::vector<std::string> values;
  for (const std::size_t column : columns) {
    const Type& type = types_[column];
    const std::size_t number = names.size() + 1;
    names.push_back(postgres::quote_name(columns_[column]));
    arrays.push_back(fmt::format("${}::{}[]", number, type.travels_as_text ? "text" : type.name));
    elements.push_back(fmt::format("c{}", number));
    values.push_back(type.travels_as_text ? fmt::format("c{}::{}", number, type.name)
                                          : elements.back());
  }
  return fmt::format("subject ({}) as (select {} from unnest({}) as converge_chunk ({}))",
                     fmt::join(names, ", "), fmt::join(values, ", "), fmt::join(arrays, ", "),
                     fmt::join(elements, ", "));
}

std::string SqlConverger::step_query(std::size_t step) const {
  return with_relation(definition_.steps[step].sql, subject_relation(step_columns_[step]));
}

/// The key, and of the others those that the step may refer to: what it does not name need not
/// travel with each chunk.
std::vector<std::size_t> SqlConverger::columns_for(std::size_t step) const {
  const SubjectUse use = find_subject_use(definition_.steps[step].sql);
  std::vector<std::size_t> columns;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    if (column == 0 || use.may_name(columns_[column])) columns.push_back(column);
  }
  std::sort(columns.begin(), columns.end(),
            [&](std::size_t a, std::size_t b) { return places_[a] < places_[b]; });
  return columns;
}

std::string SqlConverger::statement_name(std::string_view part) const {
  return statements_ + std::string(part);
}

/// Sessions of a pool keep what they have prepared. After a change of the schema that concerns a
/// statement it goes by another name, so that none runs as it was prepared before. The name stays
/// within the 63 bytes that PostgreSQL tells apart.
void SqlConverger::name_statements(const std::vector<postgres::ColumnInfo>& returned) {
  std::string what = profile_.version;
  for (const Type& type : types_) what += fmt::format(",{}", type.name);
  for (const auto& column : returned) {
    what += fmt::format(",{},{},{}", column.type, column.modifier, column.name);
  }
  statements_ = fmt::format("{}.{}.", profile_.name.substr(0, 32), hex(sha256(what)).substr(0, 16));
}

void SqlConverger::inspect(postgres::Session& session) {
  columns_.clear();
  types_.clear();
  column_types_.clear();
  std::vector<postgres::ColumnInfo> returned = inspect_find(session);
  put_listed_columns_first();
  for (std::size_t step = 0; step < definition_.steps.size(); ++step) {
    inspect_step(session, step, returned);
  }
  require_redacted_columns(returned);
  for (const auto& step : *outside_) step->require(columns_);
  name_statements(returned);
}

/// What no step names, such as a label, is read with the subjects that turn out to need work. Steps
/// outside the database are given whole subjects.
void SqlConverger::put_listed_columns_first() {
  const auto used = [&](std::size_t column) {
    return column == 0 || !outside_->empty() ||
           std::any_of(definition_.steps.begin(), definition_.steps.end(),
                       [&](const Statement& step) {
                         return find_subject_use(step.sql).may_name(columns_[column]);
                       });
  };
  places_.resize(columns_.size());
  std::iota(places_.begin(), places_.end(), std::size_t{0});
  const auto listed_end = std::stable_partition(places_.begin(), places_.end(), used);
  listed_ = static_cast<std::size_t>(listed_end - places_.begin());
  std::vector<std::string> columns;
  std::vector<Type> types;
  std::vector<std::uint32_t> column_types;
  for (const std::size_t place : places_) {
    columns.push_back(columns_[place]);
    types.push_back(types_[place]);
    column_types.push_back(column_types_[place]);
  }
  columns_ = std::move(columns);
  types_ = std::move(types);
  column_types_ = std::move(column_types);
  step_columns_.clear();
  for (std::size_t step = 0; step < definition_.steps.size(); ++step) {
    step_columns_.push_back(columns_for(step));
  }
}

std::vector<postgres::ColumnInfo> SqlConverger::inspect_find(postgres::Session& session) {
  const Statement& find = definition_.find;
  auto columns = located(definition_, find, [&] {
    return session.describe(fmt::format("select * from ({}\n) converge_find", find.sql));
  });
  const auto refuse = [&](const std::string& what, const std::string& hint) {
    throw in_file(Error(ErrorKind::failure, what, hint), definition_, find);
  };
  if (columns.empty()) refuse("it returns no columns", "Select the key of the subject first.");
  key_type_ = columns.front().type;
  std::vector<std::string> aliases;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (std::find(columns_.begin(), columns_.end(), columns[i].name) != columns_.end()) {
      refuse(fmt::format("it returns the column {} twice", columns[i].name),
             "Give one of them another name with `as`.");
    }
    columns_.push_back(columns[i].name);
    column_types_.push_back(columns[i].type);
    aliases.push_back(fmt::format("c{}", i + 1));
  }
  // pg_typeof tells a domain from its base type, which a description of the statement does not.
  // With `limit 0` nothing is fetched, and its one row is all nulls.
  const postgres::Rows types = located(definition_, find, [&] {
    return session.execute(fmt::format(
        "select format_type(t.oid, -1), t.typcategory, t.typtype from (values (0)) one left join "
        "(select * from ({0}\n) converge_find limit 0) f ({1}) on true, "
        "unnest(array[pg_typeof({2})]::oid[]) with ordinality a (oid, place) join pg_type t "
        "using (oid) order by a.place",
        find.sql, fmt::join(aliases, ", "), fmt::join(aliases, "), pg_typeof(")));
  });
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types.at(i, 2) == "p") {
      refuse(fmt::format("column {} is of the pseudo-type {}", columns_[i], *types.at(i, 0)),
             "Cast it to a real type.");
    }
    // unnest would flatten an array, and spread a composite over several columns.
    types_.push_back(
        {std::string(*types.at(i, 0)), types.at(i, 1) == "A" || types.at(i, 1) == "C"});
    if (i == 0 && types_.front().travels_as_text) {
      refuse(fmt::format("the key, {}, is an array or a composite", columns_.front()),
             "Let find return a column first that is neither.");
    }
  }
  return columns;
}

void SqlConverger::inspect_step(postgres::Session& session, std::size_t step,
                                std::vector<postgres::ColumnInfo>& returned) const {
  const Statement& statement = definition_.steps[step];
  const auto columns =
      located(definition_, statement, [&] { return session.describe(step_query(step)); });
  const auto refuse = [&](const std::string& what) {
    throw in_file(Error(ErrorKind::failure, what,
                        "End the step with `returning subject.KEY, ...`: the journal records a "
                        "change by the rows that the step returns."),
                  definition_, statement);
  };
  if (columns.empty()) refuse("it returns no columns, so its changes could not be recorded");
  if (columns.front().type != key_type_) {
    const std::string oids =
        fmt::format("select {}::regtype::text, {}::regtype::text", columns.front().type, key_type_);
    const postgres::Rows types = session.execute(oids);
    refuse(fmt::format("its first column, {}, is of type {}; the key, {}, is {}",
                       columns.front().name, *types.at(0, 0), columns_.front(), *types.at(0, 1)));
  }
  returned.insert(returned.end(), columns.begin(), columns.end());
}

void SqlConverger::require_redacted_columns(
    const std::vector<postgres::ColumnInfo>& returned) const {
  for (const std::string& column : profile_.settings.redact) {
    const std::string place = definition_.path.string() + ": redact";
    if (column == columns_.front()) {
      throw Error(
          ErrorKind::failure,
          fmt::format("{}: {} is the key, by which the journal knows the subject", place, column),
          "Let find return another unique column first, such as a surrogate key.");
    }
    if (std::none_of(returned.begin(), returned.end(),
                     [&](const auto& known) { return known.name == column; })) {
      throw Error(ErrorKind::failure,
                  fmt::format("{}: neither find nor a step returns a column {}", place, column),
                  "Name the columns as the statements return them.");
    }
  }
}

void SqlConverger::prepare(postgres::Session& session) const {
  located(definition_, definition_.find, [&] {
    session.prepare(
        statement_name("again"),
        find_query(columns_.size(),
                   fmt::format("where converge_find.{} = any($1::{}[])",
                               postgres::quote_name(columns_.front()), types_.front().name)));
  });
  for (std::size_t step = 0; step < definition_.steps.size(); ++step) prepare_step(session, step);
}

void SqlConverger::prepare_step(postgres::Session& session, std::size_t step) const {
  located(definition_, definition_.steps[step],
          [&] { session.prepare(statement_name(fmt::format("step{}", step)), step_query(step)); });
}

void SqlConverger::find(postgres::Transaction& transaction, const engine::Shards& shards) const {
  std::string condition;
  if (!shards.all()) {
    condition = "where " + is_in(shards, "converge_find." + postgres::quote_name(columns_.front()));
  }
  transaction.session().queue(
      fmt::format("declare converge_find no scroll cursor for {}", find_query(listed_, condition)));
}

engine::Subjects SqlConverger::next(postgres::Transaction& transaction, std::size_t at_most) const {
  return named("find", [&] {
    return engine::Subjects(
        transaction.execute(fmt::format("fetch forward {} from converge_find", at_most)));
  });
}

std::vector<std::string> SqlConverger::in_shards(postgres::Session& session,
                                                 const std::vector<std::string>& keys,
                                                 const engine::Shards& shards) const {
  std::string array;
  for (const std::string& key : keys) postgres::append_array_element(array, key);
  postgres::close_array(array);
  const std::string name =
      fmt::format("{}.{}.{}", statement_name("shards"), shards.of,
                  hex(sha256(fmt::format("{}", fmt::join(shards.mine, ",")))).substr(0, 8));
  std::vector<std::string> mine;
  try {
    session.prepare(name, fmt::format("select key from unnest($1::text[]) key where {}",
                                      is_in(shards, "key::" + types_.front().name)));
    const postgres::Rows rows = session.execute_prepared(name, {array});
    for (std::size_t row = 0; row < rows.size(); ++row) mine.emplace_back(*rows.at(row, 0));
  } catch (const Error& error) {
    if (!postgres::is_about_data(error)) throw;
    return keys;
  }
  return mine;
}

postgres::Call SqlConverger::find_again_call(const engine::Subjects& known) const {
  return {.statement = statement_name("again"), .parameters = {known.array(0)}, .what = "find"};
}

engine::Subjects SqlConverger::find_again(postgres::Transaction& transaction,
                                          const engine::Subjects& known) const {
  return engine::Subjects(transaction.execute_all({find_again_call(known)}).front());
}

std::vector<postgres::Call> SqlConverger::step_calls(const engine::Subjects& subjects,
                                                     engine::StepRange steps) const {
  std::vector<std::string> arrays(columns_.size());
  std::vector<postgres::Call> calls;
  for (std::size_t step = steps.first; step < steps.end; ++step) {
    postgres::Call call{.statement = statement_name(fmt::format("step{}", step)),
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
  if (!outside_->empty()) return {};  // Steps may have to wait for one of them.
  auto calls = step_calls(keys, all_steps());
  calls.insert(calls.begin(), find_again_call(keys));
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

}  // namespace converge::convergers

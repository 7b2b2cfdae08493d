#include "convergers/find_query.h"

#include "convergers/statement_error.h"
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

/// The condition that a key, an expression, belongs to the shards. In a schema of the search path
/// somebody else may have functions and operators that fit the arguments better than the system's.
std::string is_in(const engine::Shards& shards, const std::string& key) {
  constexpr std::string_view kModulo = "operator(pg_catalog.%)";
  return fmt::format(
      "((pg_catalog.hashtextextended(({0})::text, 0::bigint) {1} {2}::bigint "
      "operator(pg_catalog.+) {2}::bigint) {1} {2}::bigint) "
      "operator(pg_catalog.=) any (array[{3}]::bigint[])",
      key, kModulo, shards.of, fmt::join(shards.mine, ", "));
}

template <typename Element>
void arrange(std::vector<Element>& elements, const std::vector<std::size_t>& order) {
  std::vector<Element> arranged;
  for (const std::size_t place : order) arranged.push_back(std::move(elements[place]));
  elements = std::move(arranged);
}

}  // namespace

FindQuery::FindQuery(std::filesystem::path path, Statement statement)
    : path_(std::move(path)), statement_(std::move(statement)) {}

void FindQuery::refuse(const std::string& what, const std::string& hint) const {
  throw at_statement(Error(ErrorKind::failure, what, hint), path_, statement_);
}

/// The statement's own line breaks stay; the closing parenthesis stands on a new line, as the
/// statement may end in a comment.
std::string FindQuery::query(std::size_t columns, std::string_view condition) const {
  std::string list;
  for (std::size_t column = 0; column < columns; ++column) {
    list += (column == 0 ? "" : ", ") + postgres::quote_name(columns_[column]);
  }
  return fmt::format("select {} from ({}\n) converge_find {}", list, statement_.sql, condition);
}

std::string FindQuery::listing() const { return query(listed_, ""); }

std::vector<postgres::ColumnInfo> FindQuery::inspect(postgres::Session& session) {
  auto described = located(path_, statement_, [&] {
    return session.describe(fmt::format("select * from ({}\n) converge_find", statement_.sql));
  });
  if (described.empty()) refuse("it returns no columns", "Select the key of the subject first.");
  columns_.clear();
  column_types_.clear();
  key_type_ = described.front().type;
  for (const postgres::ColumnInfo& column : described) {
    if (std::find(columns_.begin(), columns_.end(), column.name) != columns_.end()) {
      refuse(fmt::format("it returns the column {} twice", column.name),
             "Give one of them another name with `as`.");
    }
    columns_.push_back(column.name);
    column_types_.push_back(column.type);
  }
  listed_ = columns_.size();
  learn_types(session);
  return described;
}

void FindQuery::learn_types(postgres::Session& session) {
  std::vector<std::string> aliases;
  for (std::size_t i = 0; i < columns_.size(); ++i) aliases.push_back(fmt::format("c{}", i + 1));
  // pg_typeof tells a domain from its base type, which a description of the statement does not.
  // With `limit 0` nothing is fetched, and its one row is all nulls.
  const postgres::Rows types = located(path_, statement_, [&] {
    return session.execute(fmt::format(
        "select pg_catalog.format_type(t.oid, -1), t.typcategory, t.typtype from (values (0)) one "
        "left join "
        "(select * from ({0}\n) converge_find limit 0) f ({1}) on true, "
        "pg_catalog.unnest(array[pg_catalog.pg_typeof({2})]::oid[]) with ordinality a (oid, place) "
        "join pg_type t "
        "using (oid) order by a.place",
        statement_.sql, fmt::join(aliases, ", "), fmt::join(aliases, "), pg_catalog.pg_typeof(")));
  });
  if (types.size() != columns_.size()) {
    refuse("the server does not tell the types of its columns", "Is it PostgreSQL?");
  }
  details_.clear();
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types.at(i, 2) == "p") {
      refuse(fmt::format("column {} is of the pseudo-type {}", columns_[i], *types.at(i, 0)),
             "Cast it to a real type.");
    }
    // unnest would flatten an array, and spread a composite over several columns.
    details_.push_back({.type = std::string(*types.at(i, 0)),
                        .travels_as_text = types.at(i, 1) == "A" || types.at(i, 1) == "C",
                        .place = i});
    if (i == 0 && details_.front().travels_as_text) {
      refuse(fmt::format("the key, {}, is an array or a composite", columns_.front()),
             "Let find return a column first that is neither.");
    }
  }
}

void FindQuery::list_only_for(const std::vector<std::string_view>& statements) {
  std::vector<SubjectUse> uses;
  std::transform(statements.begin(), statements.end(), std::back_inserter(uses), find_subject_use);
  const auto is_used = [&](std::size_t column) {
    return column == 0 || std::any_of(uses.begin(), uses.end(), [&](const SubjectUse& use) {
             return use.may_name(columns_[column]);
           });
  };
  std::vector<std::size_t> order(columns_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto listed_end = std::stable_partition(order.begin(), order.end(), is_used);
  listed_ = static_cast<std::size_t>(listed_end - order.begin());
  arrange(columns_, order);
  arrange(column_types_, order);
  arrange(details_, order);
}

void FindQuery::name_statements(const engine::Profile& profile,
                                const std::vector<postgres::ColumnInfo>& returned) {
  std::string what = profile.version;
  for (const Column& column : details_) what += fmt::format(",{}", column.type);
  for (const auto& column : returned) {
    what += fmt::format(",{},{},{}", column.type, column.modifier, column.name);
  }
  statements_ = fmt::format("{}.{}.", profile.name.substr(0, 32), hex(sha256(what)).substr(0, 16));
}

std::string FindQuery::statement_name(std::string_view part) const {
  return statements_ + std::string(part);
}

std::optional<std::string> FindQuery::key_problem(postgres::Session& session,
                                                  const postgres::ColumnInfo& first) const {
  if (first.type == key_type_) return std::nullopt;
  const postgres::Rows types = session.execute(
      fmt::format("select {}::regtype::text, {}::regtype::text", first.type, key_type_));
  return fmt::format("its first column, {}, is of type {}; the key, {}, is {}", first.name,
                     *types.at(0, 0), columns_.front(), *types.at(0, 1));
}

void FindQuery::require_redactable(const std::vector<std::string>& redact,
                                   const std::vector<postgres::ColumnInfo>& returned) const {
  for (const std::string& column : redact) {
    const std::string place = path_.string() + ": redact";
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

std::string FindQuery::subject_relation(const std::vector<std::size_t>& columns) const {
  std::vector<std::string> names;
  std::vector<std::string> arrays;
  std::vector<std::string> elements;
  std::vector<std::string> values;
  for (const std::size_t column : columns) {
    const auto& [type, travels_as_text, place] = details_[column];
    const std::size_t number = names.size() + 1;
    names.push_back(postgres::quote_name(columns_[column]));
    arrays.push_back(fmt::format("${}::{}[]", number, travels_as_text ? "text" : type));
    elements.push_back(fmt::format("c{}", number));
    values.push_back(travels_as_text ? fmt::format("c{}::{}", number, type) : elements.back());
  }
  // With several arguments it means the system's, and only by the plain name.
  return fmt::format("subject ({}) as (select {} from {}unnest({}) as converge_chunk ({}))",
                     fmt::join(names, ", "), fmt::join(values, ", "),
                     arrays.size() == 1 ? "pg_catalog." : "", fmt::join(arrays, ", "),
                     fmt::join(elements, ", "));
}

std::vector<std::size_t> FindQuery::columns_for(std::string_view statement) const {
  const SubjectUse use = find_subject_use(statement);
  std::vector<std::size_t> columns;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    if (column == 0 || use.may_name(columns_[column])) columns.push_back(column);
  }
  std::sort(columns.begin(), columns.end(),
            [&](std::size_t a, std::size_t b) { return details_[a].place < details_[b].place; });
  return columns;
}

void FindQuery::prepare(postgres::Session& session) const {
  located(path_, statement_, [&] {
    session.prepare(statement_name("again"),
                    query(columns_.size(), fmt::format("where converge_find.{} = any($1::{}[])",
                                                       postgres::quote_name(columns_.front()),
                                                       details_.front().type)));
  });
}

void FindQuery::find(postgres::Transaction& transaction, const engine::Shards& shards) const {
  std::string condition;
  if (!shards.all()) {
    condition = "where " + is_in(shards, "converge_find." + postgres::quote_name(columns_.front()));
  }
  transaction.session().queue(
      fmt::format("declare converge_find no scroll cursor for {}", query(listed_, condition)));
}

engine::Subjects FindQuery::next(postgres::Transaction& transaction, std::size_t at_most) {
  try {
    return engine::Subjects(
        transaction.execute(fmt::format("fetch forward {} from converge_find", at_most)));
  } catch (const Error& error) {
    throw error.within("find");
  }
}

postgres::Call FindQuery::find_again_call(const engine::Subjects& known) const {
  return {.statement = statement_name("again"), .parameters = {known.array(0)}, .what = "find"};
}

engine::Subjects FindQuery::find_again(postgres::Transaction& transaction,
                                       const engine::Subjects& known) const {
  return engine::Subjects(transaction.execute_all({find_again_call(known)}).front());
}

std::vector<std::string> FindQuery::in_shards(postgres::Session& session,
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
    session.prepare(name, fmt::format("select key from pg_catalog.unnest($1::text[]) key where {}",
                                      is_in(shards, "key::" + details_.front().type)));
    const postgres::Rows rows = session.execute_prepared(name, {array});
    for (std::size_t row = 0; row < rows.size(); ++row) mine.emplace_back(*rows.at(row, 0));
  } catch (const Error& error) {
    if (!postgres::is_about_data(error)) throw;
    return keys;
  }
  return mine;
}

}  // namespace converge::convergers

#include "src/doctor/rights.h"

#include "convergers/sql_lexer.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <vector>

namespace converge::doctor {

namespace {

constexpr const char* kRights = "rights";
constexpr std::string_view kPermissionDenied = "42501";

/// The tables and views that what was prepared in this transaction names: to parse a statement, the
/// server locks them, more than to read them where they are to be changed. Those below a view are
/// locked too, and are its owner's business.
constexpr const char* kLocked = R"sql(
(select l.relation as oid, bool_or(l.mode = 'RowShareLock') as locked from pg_locks l
 where l.pid = pg_backend_pid() and l.locktype = 'relation'
   and l.database = (select oid from pg_database where datname = current_database())
 group by 1))sql";

/// Of a table, how it is called, and what this role may do with it.
constexpr const char* kRelations = R"sql(
select format('%I.%I', n.nspname, c.relname), c.relname::text,
       l.locked,
       has_table_privilege(c.oid, 'select'), has_table_privilege(c.oid, 'insert'),
       has_table_privilege(c.oid, 'update'), has_table_privilege(c.oid, 'delete'),
       row_security_active(c.oid)
from {} l
join pg_class c on c.oid = l.oid
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and n.nspname not in ('pg_catalog', 'information_schema')
order by 1)sql";

struct Relation {
  std::string name;  ///< Qualified and quoted as SQL takes it.
  std::set<std::string> missing;
  bool row_security = false;
};

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

/// The words and names of a text; a quoted name as it is, others in lower case.
std::vector<std::string> words_of(std::string_view sql) {
  std::vector<std::string> words;
  convergers::SqlLexer lexer(sql);
  for (auto token = lexer.next(); token.kind != convergers::TokenKind::end; token = lexer.next()) {
    using convergers::TokenKind;
    if (token.kind == TokenKind::unterminated) break;
    if (token.kind == TokenKind::word) words.push_back(lower(token.text));
    if (token.kind == TokenKind::symbol) words.emplace_back(token.text);
    if (token.kind == TokenKind::quoted_name) {
      words.emplace_back(token.text.substr(1, token.text.size() - 2));
    }
  }
  return words;
}

/// Of the word before a name, past its schema, `only` and `into`.
std::string verb_before(const std::vector<std::string>& words, std::size_t name) {
  std::size_t at = name;
  if (at >= 2 && words[at - 1] == ".") at -= 2;
  if (at >= 1 && words[at - 1] == "only") --at;
  if (at >= 2 && words[at - 1] == "into" && words[at - 2] == "insert") return "insert";
  if (at >= 2 && words[at - 1] == "from" && words[at - 2] == "delete") return "delete";
  return at >= 1 && words[at - 1] == "update" ? "update" : "";
}

bool names(const std::vector<std::string>& statements, const std::string& table) {
  return std::any_of(statements.begin(), statements.end(), [&](const std::string& sql) {
    const auto words = words_of(sql);
    return std::find(words.begin(), words.end(), table) != words.end();
  });
}

Relation relation_of(const postgres::Rows& rows, std::size_t row,
                     const std::vector<std::string>& statements) {
  const auto is = [&](std::size_t column) { return rows.at(row, column) == "t"; };
  const std::string table(rows.at(row, 1).value_or(""));
  std::set<std::string> verbs;
  for (const std::string& sql : statements) verbs.merge(verbs_on(sql, table));
  Relation relation{
      .name = std::string(rows.at(row, 0).value_or("")), .missing = {}, .row_security = is(7)};
  if (!is(3)) relation.missing.insert("select");
  if (!is(4) && verbs.contains("insert")) relation.missing.insert("insert");
  if (!is(5) && (verbs.contains("update") || is(2))) relation.missing.insert("update");
  if (!is(6) && verbs.contains("delete")) relation.missing.insert("delete");
  return relation;
}

/// Asks the server what the converger's statements name, by preparing them.
std::vector<Relation> relations_of(postgres::Session& session, convergers::Defined& converger) {
  session.execute("begin");
  try {
    session.execute("deallocate all");
    converger.inspect(session);
    converger.prepare(session);
    std::vector<std::string> statements;
    const auto texts = session.execute("select statement from pg_prepared_statements");
    for (std::size_t i = 0; i < texts.size(); ++i) {
      statements.emplace_back(texts.at(i, 0).value_or(""));
    }
    const auto rows = session.execute(fmt::format(kRelations, kLocked));
    std::vector<Relation> relations;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!names(statements, std::string(rows.at(i, 1).value_or("")))) continue;
      relations.push_back(relation_of(rows, i, statements));
    }
    session.execute("rollback");
    return relations;
  } catch (const Error&) {
    if (session.is_open()) session.execute("rollback");
    throw;
  }
}

/// The tables that a definition seems to name, as a person would look for them: for one whose find
/// may not be run, so that the server does not get to see the rest.
std::vector<Relation> relations_named(postgres::Session& session, const std::string& text) {
  const auto words = words_of(text);
  std::string places;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const bool qualified = i >= 3 && words[i - 1] == ".";
    const std::string& before = words[qualified ? i - 3 : i - 1];
    static const std::set<std::string> introduce = {"from", "join",   "into",
                                                    "only", "update", "using"};
    if (!introduce.contains(before) || (i + 1 < words.size() && words[i + 1] == ".")) continue;
    const std::string name = (qualified ? postgres::quote_name(words[i - 2]) + "." : "") +
                             postgres::quote_name(words[i]);
    places += (places.empty() ? "" : ", ") + postgres::quote_literal(name);
  }
  if (places.empty()) return {};
  const auto rows =
      session.execute(fmt::format(kRelations,
                                  "(select distinct to_regclass(name)::oid as oid, false as locked "
                                  "from unnest(array[" +
                                      places + "]) name)"));
  std::vector<Relation> relations;
  for (std::size_t i = 0; i < rows.size(); ++i) relations.push_back(relation_of(rows, i, {text}));
  return relations;
}

/// `permission denied for schema sales` tells what has to be granted by itself.
std::string grant_for(const std::string& message, const std::string& role) {
  constexpr std::string_view kDenied = "permission denied for ";
  const auto begin = message.find(kDenied);
  if (begin == std::string::npos) return {};
  const std::string rest = message.substr(begin + kDenied.size());
  const auto blank = rest.find(' ');
  const std::string kind = rest.substr(0, blank);
  const std::string name =
      blank == std::string::npos
          ? std::string()
          : rest.substr(blank + 1, rest.find_first_of(";\n", blank) - blank - 1);
  if (name.empty()) return {};
  if (kind == "function" || kind == "procedure") {
    return fmt::format("grant execute on {} {} to {};", kind, name, role);
  }
  if (kind == "schema" || kind == "sequence" || kind == "type") {
    return fmt::format("grant usage on {} {} to {};", kind, name, role);
  }
  return {};
}

/// What is denied although it may be read is to be locked, by `for update` and the like.
std::string grant_to_lock(postgres::Session& session, const std::string& message,
                          const std::string& role) {
  constexpr std::string_view kDenied = "permission denied for table ";
  const auto begin = message.find(kDenied);
  if (begin == std::string::npos) return {};
  const std::string rest = message.substr(begin + kDenied.size());
  const std::string name = rest.substr(0, rest.find_first_of("; \n"));
  const auto rows = session.execute(fmt::format(
      "select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n "
      "on n.oid = relnamespace where c.oid = to_regclass({}) and has_table_privilege(c.oid, "
      "'select') and not has_table_privilege(c.oid, 'update')",
      postgres::quote_literal(postgres::quote_name(name))));
  if (rows.empty()) return {};
  return fmt::format("grant update on {} to {};", rows.at(0, 0).value_or(""), role);
}

std::string grants_of(const std::vector<Relation>& relations, const std::string& role) {
  std::vector<std::string> grants;
  for (const Relation& relation : relations) {
    if (relation.missing.empty()) continue;
    grants.push_back(fmt::format("grant {} on {} to {};", fmt::join(relation.missing, ", "),
                                 relation.name, role));
  }
  return fmt::format("{}", fmt::join(grants, " "));
}

Finding refused(const convergers::Defined& converger, const Error& error,
                const std::string& grants) {
  const std::string message = error.what();
  return {.check = kRights,
          .verdict = Verdict::bad,
          .message = printable(message.substr(0, message.find('\n'))),
          .remedy = grants.empty() ? error.hint() : "As the owner, run: " + grants,
          .converger = converger.profile().name};
}

/// Rows that a policy hides are no error to anybody, and never found.
Findings look_at_policies(const convergers::Defined& converger,
                          const std::vector<Relation>& relations) {
  std::vector<std::string> hidden;
  for (const Relation& relation : relations) {
    if (relation.row_security) hidden.push_back(relation.name);
  }
  if (hidden.empty()) return {};
  return {{.check = kRights,
           .verdict = Verdict::warning,
           .message = fmt::format("row security decides which rows of {} it sees",
                                  fmt::join(hidden, ", ")),
           .remedy = "See that a policy lets it see them all, or give the role BYPASSRLS.",
           .converger = converger.profile().name}};
}

}  // namespace

std::set<std::string> verbs_on(std::string_view sql, std::string_view table) {
  const auto words = words_of(sql);
  std::set<std::string> verbs;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != table) continue;
    if (auto verb = verb_before(words, i); !verb.empty()) verbs.insert(std::move(verb));
  }
  return verbs;
}

Findings check_rights(postgres::Session& session, convergers::Defined& converger) {
  const std::string role = postgres::quote_name(session.server().user);
  std::vector<Relation> relations;
  try {
    relations = relations_of(session, converger);
    converger.plan_warnings(session);  // Explaining takes the rights that executing does.
    return look_at_policies(converger, relations);
  } catch (const Error& error) {
    if (!session.is_open()) throw;
    if (error.sqlstate() != kPermissionDenied) return {refused(converger, error, {})};
    std::string grants = grants_of(relations, role);
    if (grants.empty()) grants = grant_for(error.what(), role);
    if (grants.empty()) {
      grants = grants_of(relations_named(session, converger.profile().text), role);
    }
    if (grants.empty()) grants = grant_to_lock(session, error.what(), role);
    return {refused(converger, error, grants)};
  }
}

}  // namespace converge::doctor

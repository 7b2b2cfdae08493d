#pragma once

#include "convergers/definition.h"
#include "src/engine/converger.h"
#include "src/postgres/session.h"
#include "src/postgres/transaction.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// The query that finds subjects: its columns, the cursor that lists them, the statement that reads
/// some of them again, and the relation `subject` that hands them to other statements. What it
/// knows comes from `inspect`; after `name_statements` it is only read, by any number of threads.
class FindQuery {
 public:
  /// `path` is the file, or the name, that messages begin with.
  FindQuery(std::filesystem::path path, Statement statement);

  /// Learns the columns of the query from the server, without executing it. Throws `Error{failure}`
  /// with its place when the server refuses it, and when it has no columns, the same column twice,
  /// a pseudo-type, or a key that is an array or a composite.
  std::vector<postgres::ColumnInfo> inspect(postgres::Session& session);
  /// Lets listings read only the key and what these statements may name of `subject`; these columns
  /// then come first. What none names, such as a label, is read with the subjects that turn out to
  /// need work.
  void list_only_for(const std::vector<std::string_view>& statements);
  /// Sessions of a pool keep what they have prepared. After a change of the schema that concerns a
  /// statement it goes by another name, so that none runs as it was prepared before: the name tells
  /// the version, the columns of find and what the other statements return.
  void name_statements(const engine::Profile& profile,
                       const std::vector<postgres::ColumnInfo>& returned);
  /// Within the 63 bytes that PostgreSQL tells apart.
  std::string statement_name(std::string_view part) const;

  const Statement& statement() const { return statement_; }
  const std::vector<std::string>& columns() const { return columns_; }
  const std::vector<std::uint32_t>& column_types() const { return column_types_; }

  /// What is wrong with the first column of another statement, which has to be a key: a type that
  /// is not the key's.
  std::optional<std::string> key_problem(postgres::Session& session,
                                         const postgres::ColumnInfo& first) const;

  /// Throws `Error{failure}` when the setting `redact` names the key, or a column that is not among
  /// `returned`.
  void require_redactable(const std::vector<std::string>& redact,
                          const std::vector<postgres::ColumnInfo>& returned) const;

  /// `subject (...) as (...)`: a common table expression with these columns and their types, made
  /// from one array parameter for each, in their order.
  std::string subject_relation(const std::vector<std::size_t>& columns) const;
  /// The key, and of the others those that a statement may name of `subject`, as the query has
  /// them: what it does not name need not travel with each chunk.
  std::vector<std::size_t> columns_for(std::string_view statement) const;

  std::string listing() const;  ///< The query that `find` runs over all shards.
  void prepare(postgres::Session& session) const;
  /// These do what engine::Converger says of them.
  void find(postgres::Transaction& transaction, const engine::Shards& shards) const;
  static engine::Subjects next(postgres::Transaction& transaction, std::size_t at_most);
  engine::Subjects find_again(postgres::Transaction& transaction,
                              const engine::Subjects& known) const;
  std::vector<std::string> in_shards(postgres::Session& session,
                                     const std::vector<std::string>& keys,
                                     const engine::Shards& shards) const;
  /// What `find_again` does, to be sent with other calls.
  postgres::Call find_again_call(const engine::Subjects& known) const;

 private:
  struct Column {
    std::string type;              ///< As SQL text, qualified where needed.
    bool travels_as_text = false;  ///< Cannot be an element of an array that is unnested.
    std::size_t place = 0;         ///< In the query.
  };
  [[noreturn]] void refuse(const std::string& what, const std::string& hint) const;
  void learn_types(postgres::Session& session);
  std::string query(std::size_t columns, std::string_view condition) const;

  std::filesystem::path path_;
  Statement statement_;
  std::vector<std::string> columns_;  ///< The key, what is listed, the others.
  std::vector<std::uint32_t> column_types_;
  std::vector<Column> details_;  ///< Of the columns.
  std::size_t listed_ = 0;       ///< The first of them that a listing gives already.
  std::uint32_t key_type_ = 0;   ///< An oid; a domain's base type.
  std::string statements_;       ///< What the names of the prepared statements begin with.
};

}  // namespace converge::convergers

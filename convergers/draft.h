#pragma once

#include "convergers/flag_walk.h"

#include <string>
#include <vector>

namespace converge::convergers {

/// A first draft of a definition, for a person to read and change.
struct Draft {
  std::string definition;             ///< The text of NAME.sql.
  std::string test;                   ///< The text of NAME.test.sql.
  std::vector<std::string> warnings;  ///< What the person should know; indexes that are missing.
};

/// What stands for the subject in find, in the steps and in the test.
struct SubjectColumns {
  std::string key;         ///< The key's name in find, as SQL text.
  std::string expression;  ///< What gives it; the same, unless several columns make it.
  std::string label;       ///< A column that people know the row by, as SQL text; may be empty.
};

/// A step: the rows of a table that a flagged subject leads to get the flag.
struct DraftStep {
  std::string title;
  const Branch* branch = nullptr;

  /// Whether its rows are of the table of the flag itself.
  bool is_of_root() const { return branch->path.front()->from == branch->path.front()->to; }
};

/// Everything that the texts are made from.
struct DraftPlan {
  const ForeignKeys& keys;
  const Table& root;
  const Column& flag;
  std::string name;
  SubjectColumns subject;
  std::vector<Branch> branches;
  std::vector<DraftStep> steps;

  /// By what the rows of the root refer to others of it, when these are to get the flag: then the
  /// steps begin with all that is below a subject, however deep. Null otherwise.
  const ForeignKey* own_key() const;
};

/// Throws `Error{usage}` for a table without a key and for a column that cannot be a flag.
DraftPlan plan_draft(const ForeignKeys& keys, const std::string& flag, const std::string& name);

/// The statements that make the indexes which the find and the steps of a draft lack.
struct MissingIndex {
  const Branch* branch = nullptr;  ///< Absent for the index of find.
  std::string statement;
};
std::vector<MissingIndex> missing_indexes(const DraftPlan& plan);

/// The texts of the definition and of its test.
std::string draft_definition(const DraftPlan& plan);
std::string draft_test(const DraftPlan& plan, postgres::Session& session);

/// All of it, and what is to be said.
Draft draft(const ForeignKeys& keys, const std::string& flag, const std::string& name,
            postgres::Session& session);

}  // namespace converge::convergers

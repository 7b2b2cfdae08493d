#pragma once

#include "convergers/parameter.h"
#include "src/engine/settings.h"
#include "src/engine/subjects.h"
#include "src/postgres/rows.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// A statement that the code of a converger runs. In it `subject` is the relation of the chunk's
/// subjects, as in a step of a definition; one with parameters (`$1`) cannot have that.
struct CodeStatement {
  std::string name;  ///< What the code calls it by.
  std::string sql;
  bool has_parameters = false;
};

/// One chunk's subjects, and what may be done for them. All of it throws `Error`.
struct CodeWork {
  const engine::Subjects& subjects;
  /// Runs the statement of that name: for one with parameters they are given here, in PostgreSQL's
  /// text form.
  std::function<postgres::Rows(std::string_view statement, std::vector<std::string> parameters)>
      run;
};

/// A converger written in C++, for logic that SQL says badly: what its author gives. Everything
/// else is done by `CodeConverger`; a pass, a plan, a limit, the journal and the daemon treat it as
/// they treat one written in SQL. In find and in the statements `${NAME}` stands for the value of
/// the parameter NAME, as an SQL literal.
struct Code {
  std::string name;
  std::string description;
  std::string runbook;
  engine::Settings settings;  ///< As long as `[convergers.NAME]` says nothing else.
  std::vector<Parameter> parameters;
  std::string find;  ///< As in a definition: the key first.
  std::vector<CodeStatement> statements;
  std::vector<std::string> steps;  ///< Titles.

  /// Sets the subjects right, and returns the changes of each step, in their order. What must hold:
  ///
  /// - **Idempotent.** What to do is decided from the database as the transaction shows it. For a
  ///   subject that is right already nothing is changed, and no row returned.
  /// - **Within the transaction.** It has no effect anywhere else, and neither commits nor rolls
  ///   back: killed at any instant, nothing of it is left. A plan, a limit and a pass that only
  ///   looks run it and roll back.
  /// - **Every change is a row.** The first column is the key of the subject that the change
  /// belongs
  ///   to, of find's type; the others are what the journal keeps. What is changed and not returned
  ///   would be changed without a record: a statement that writes ends in `returning`.
  /// - **Set-based.** A few statements for all the subjects of a chunk, never one for each.
  /// - **Throws `Error`**, as `run` does. An error of a subject's data (a constraint, a conversion)
  ///   makes the pass try the chunk in halves, until that subject stands alone; any other fails the
  ///   pass.
  /// - **No memory.** Several threads call it at once, for chunks of their own. It is a plain
  ///   function, and nothing of one chunk may decide about another.
  std::vector<postgres::Rows> (*converge)(const CodeWork& work) = nullptr;
};

}  // namespace converge::convergers

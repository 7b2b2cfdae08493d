#pragma once

#include "convergers/code.h"
#include "convergers/found_by_query.h"
#include "src/config/config.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// A converger whose steps are C++.
///
/// Its version is the digest of a text that tells what acts: description, settings and parameters
/// as they are in force, find, every statement it runs, and the build and commit of the binary,
/// which stand for the code between the statements. That text is what the journal keeps.
class CodeConverger : public FoundByQuery {
 public:
  /// Takes settings and parameters from `table`, which may be null. Throws `Error{usage}` as
  /// `apply_table` does.
  CodeConverger(Code code, const config::ConvergerTable* table);

  const engine::Profile& profile() const override { return profile_; }
  void inspect(postgres::Session& session) override;
  void prepare(postgres::Session& session) const override;
  std::vector<engine::StepChanges> converge(postgres::Transaction& transaction,
                                            const engine::Subjects& subjects,
                                            engine::StepRange steps) const override;

  std::unique_ptr<Defined> another() const override;
  const std::vector<Parameter>& parameters() const override { return code_.parameters; }
  std::string trigger_to_wake() const override;
  std::vector<std::string> plan_warnings(postgres::Session& session) const override;

 private:
  explicit CodeConverger(Code in_force);
  std::string prepared_name(std::size_t statement) const;
  std::string query(std::size_t statement) const;
  postgres::Rows run(postgres::Transaction& transaction, const engine::Subjects& subjects,
                     std::string_view statement, std::vector<std::string> parameters) const;

  Code code_;  ///< With the settings, the parameters and the SQL that are in force.
  engine::Profile profile_;
  std::vector<std::vector<std::size_t>> columns_of_;  ///< Of find's, those a statement is given.
};

}  // namespace converge::convergers

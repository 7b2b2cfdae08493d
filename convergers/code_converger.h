#pragma once

#include "convergers/code.h"
#include "convergers/defined.h"
#include "convergers/find_query.h"
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
class CodeConverger : public Defined {
 public:
  /// Takes settings and parameters from `table`, which may be null. Throws `Error{usage}` as
  /// `apply_table` does.
  CodeConverger(Code code, const config::ConvergerTable* table);

  const engine::Profile& profile() const override { return profile_; }
  void inspect(postgres::Session& session) override;
  const std::vector<std::string>& columns() const override { return find_.columns(); }
  const std::vector<std::uint32_t>& column_types() const override { return find_.column_types(); }
  void prepare(postgres::Session& session) const override;
  void find(postgres::Transaction& transaction, const engine::Shards& shards) const override {
    find_.find(transaction, shards);
  }
  engine::Subjects next(postgres::Transaction& transaction, std::size_t at_most) const override {
    return FindQuery::next(transaction, at_most);
  }
  std::vector<std::string> in_shards(postgres::Session& session,
                                     const std::vector<std::string>& keys,
                                     const engine::Shards& shards) const override {
    return find_.in_shards(session, keys, shards);
  }
  engine::Subjects find_again(postgres::Transaction& transaction,
                              const engine::Subjects& known) const override {
    return find_.find_again(transaction, known);
  }
  std::vector<engine::StepChanges> converge(postgres::Transaction& transaction,
                                            const engine::Subjects& subjects,
                                            engine::StepRange steps) const override;

  std::unique_ptr<Defined> another() const override;
  const std::vector<Parameter>& parameters() const override { return code_.parameters; }
  std::string trigger_to_wake() const override;
  std::vector<std::string> plan_warnings(postgres::Session& session) const override;

 private:
  std::string prepared_name(std::size_t statement) const;
  std::string query(std::size_t statement) const;
  postgres::Rows run(postgres::Transaction& transaction, const engine::Subjects& subjects,
                     std::string_view statement, std::vector<std::string> parameters) const;

  Code code_;  ///< With the settings, the parameters and the SQL that are in force.
  engine::Profile profile_;
  FindQuery find_;
  std::vector<std::vector<std::size_t>> columns_of_;  ///< Of find's, those a statement is given.
};

}  // namespace converge::convergers

#pragma once

#include "convergers/definition.h"
#include "convergers/found_by_query.h"
#include "src/engine/converger.h"

#include <memory>
#include <string>
#include <vector>

namespace converge::convergers {

/// A converger whose find and steps are the SQL of a definition file.
///
/// In a step, `subject` is a common table expression with the columns and types of find, made from
/// one array parameter a column: one prepared statement and one round trip serve a whole chunk.
class SqlConverger : public FoundByQuery {
 public:
  /// `outside` are the steps of the definition outside the database; copies share them.
  explicit SqlConverger(Definition definition,
                        std::vector<std::unique_ptr<const engine::OutsideStep>> outside = {});

  const engine::Profile& profile() const override { return profile_; }
  void inspect(postgres::Session& session) override;
  const std::vector<std::unique_ptr<const engine::OutsideStep>>& outside() const override {
    return *outside_;
  }
  void prepare(postgres::Session& session) const override;
  std::vector<engine::StepChanges> converge(postgres::Transaction& transaction,
                                            const engine::Subjects& subjects,
                                            engine::StepRange steps) const override;
  std::optional<engine::Converged> find_and_converge(postgres::Transaction& transaction,
                                                     const engine::Subjects& keys) const override;
  bool is_right(postgres::Session& session, const engine::Subjects& subjects,
                engine::StepRange steps) const override;

  std::unique_ptr<Defined> another() const override;
  const std::vector<OutsideSection>& outside_sections() const override {
    return definition_.outside;
  }
  std::string trigger_to_wake() const override;
  std::vector<std::string> plan_warnings(postgres::Session& session) const override;

 private:
  void learn_step_columns();
  void prepare_step(postgres::Session& session, std::size_t step) const;
  void inspect_step(postgres::Session& session, std::size_t step,
                    std::vector<postgres::ColumnInfo>& returned) const;
  std::string step_query(std::size_t step) const;
  std::string statement_of(std::size_t step) const;
  std::vector<engine::StepChanges> step_changes(std::vector<postgres::Rows> rows,
                                                std::size_t first) const;
  std::vector<postgres::Call> step_calls(const engine::Subjects& subjects,
                                         engine::StepRange steps) const;
  engine::StepRange all_steps() const { return {.first = 0, .end = definition_.steps.size()}; }

  Definition definition_;
  engine::Profile profile_;
  std::shared_ptr<const std::vector<std::unique_ptr<const engine::OutsideStep>>> outside_;
  std::vector<std::vector<std::size_t>> step_columns_;  ///< Of find's, those a step is given.
};

}  // namespace converge::convergers

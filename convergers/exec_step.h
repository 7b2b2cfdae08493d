#pragma once

#include "convergers/exec_template.h"
#include "convergers/outside_section.h"
#include "convergers/rendering.h"
#include "convergers/variables.h"
#include "src/engine/outside.h"

#include <string>
#include <utility>
#include <vector>

namespace converge::convergers {

/// Runs a program for a subject: the arguments of its definition, the subject as one JSON object
/// and a line break on standard input, and as environment what `exec_environment` says with
/// CONVERGE_IDEMPOTENCY_KEY and CONVERGE_CONVERGER. Its output is kept without the values of the
/// variables that the definition names. It has succeeded when it ends with an expected
/// status.
class ExecStep : public engine::OutsideStep {
 public:
  /// `path` is the definition's, for messages.
  ExecStep(OutsideSection section, std::string converger, std::string path, ExecTemplate arguments,
           Variables variables);

  void require(const std::vector<std::string>& columns) const override;
  std::vector<std::string> warnings() const override;
  std::string describe(const engine::SubjectRow& subject,
                       const std::vector<std::string>& hidden) const override;
  std::string full_text(const engine::SubjectRow& subject) const override;
  engine::Answer attempt(const engine::SubjectRow& subject,
                         const engine::AttemptContext& context) const override;

 private:
  /// That nobody else could have written it. One that is not here is an attempt's failure: a
  /// definition may be checked on another host than it runs on.
  void require_trusted_program() const;
  std::string program() const;
  std::string place() const;  ///< `PATH:LINE:COLUMN: exec TITLE`.
  std::vector<std::string> arguments_for(const Rendering& rendering) const;
  std::vector<std::pair<std::string, std::string>> environment_for(
      const engine::AttemptContext& context) const;
  std::string command_line(const Rendering& rendering) const;

  OutsideSection section_;
  std::string converger_;
  std::string path_;
  ExecTemplate arguments_;
  Variables variables_;
};

}  // namespace converge::convergers

#include "convergers/outside_steps.h"

#include "convergers/exec_step.h"
#include "convergers/http_step.h"
#include "convergers/source_text.h"

namespace converge::convergers {

engine::OutsideStep::Settings settings_of(const OutsideSection& section) {
  return {.title = section.title,
          .kind = section.kind,
          .after = section.after,
          .acts_for = section.acts_for,
          .repeat = section.repeat};
}

std::vector<std::unique_ptr<const engine::OutsideStep>> make_outside_steps(
    const Definition& definition, const OutsideEnvironment& environment) {
  const SourceText source(definition.path, definition.text);
  std::vector<std::unique_ptr<const engine::OutsideStep>> steps;
  for (const OutsideSection& section : definition.outside) {
    if (section.kind == "http") {
      steps.push_back(std::make_unique<HttpStep>(section, definition.path.string(),
                                                 compile_http(source, section.lines),
                                                 environment.variables, environment.http));
    } else {
      steps.push_back(std::make_unique<ExecStep>(section, definition.name, definition.path.string(),
                                                 compile_exec(source, section.lines),
                                                 environment.variables));
    }
  }
  return steps;
}

}  // namespace converge::convergers

#include "src/cli/passes.h"

#include <memory>

namespace converge::cli {

std::function<int()> define_run(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<PassRequest>();
  add_pass_options(app, *request);
  request->update_check = true;
  app.add_flag("!--no-update-check", request->update_check,
               "do not look for a newer build (CONVERGE_NO_UPDATE_CHECK=1)");
  app.add_flag("--yes", request->yes, "do not ask on a terminal, where no NAME is given");
  return [request, &common] { return execute_passes(*request, common); };
}

}  // namespace converge::cli

#include "src/cli/passes.h"

#include <memory>

namespace converge::cli {

std::function<int()> define_run(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<PassRequest>();
  add_pass_options(app, *request);
  return [request, &common] { return execute_passes(*request, common); };
}

}  // namespace converge::cli

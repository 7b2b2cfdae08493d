#include "src/cli/command.h"

namespace converge::cli {

std::function<int()> define_daemon(CLI::App& /*app*/, const Common& common) {
  return [&common] { return common.services.serve(common.flags); };
}

}  // namespace converge::cli

#include "src/cli/command.h"
#include "src/cli/refresh.h"

namespace converge::cli {

std::function<int()> define_daemon(CLI::App& /*app*/, const Common& common) {
  return [&common] {
    // This build was started anew: a trial that it was on has ended, one way or the other.
    refresh_installed(true);
    return common.services.serve(common.flags);
  };
}

}  // namespace converge::cli

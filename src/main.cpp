#include "src/cli/command.h"
#include "src/daemon/serve.h"

int main(int argc, char** argv) {
  return converge::cli::main(argc, argv, {.serve = converge::daemon::serve});
}

#include "src/cli/command.h"

int main(int argc, char** argv) { return converge::cli::main(argc, argv); }

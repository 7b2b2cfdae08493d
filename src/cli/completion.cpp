#include "src/cli/command.h"
#include "src/cli/embedded.h"
#include "src/cli/output.h"

#include <memory>
#include <string>

namespace converge::cli {

std::function<int()> define_completion(CLI::App& app, const Common& /*common*/) {
  const auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return [shell] {
    print(embedded_file(*shell == "zsh" ? "host/_converge" : "host/converge." + *shell)->content);
    return kDone;
  };
}

}  // namespace converge::cli

#include "convergers/statement_error.h"

#include <fmt/core.h>

namespace converge::convergers {

Error at_statement(const Error& error, const std::filesystem::path& path,
                   const Statement& statement) {
  std::string message = error.what();
  std::string place = path.string();
  if (statement.line > 0) {
    int line = statement.line;
    if (message.starts_with("line ")) {
      const auto colon = message.find(": ");
      line += static_cast<int>(std::stoul(message.substr(5, colon - 5))) - 1;
      message.erase(0, colon + 2);
    }
    place += fmt::format(":{}", line);
  }
  const std::string what = statement.title.empty() ? "find" : "step " + statement.title;
  return {error.kind(), fmt::format("{}: {}: {}", place, what, message), error.hint(),
          error.sqlstate()};
}

}  // namespace converge::convergers
